# For the pages of this directory: `. docs/helpers.sh` in the root of the repository, then paste their blocks.
API=${API:-http://localhost:3000}

# get PATH TOKEN; post PATH JSON [TOKEN]; form PATH CURL-OPTIONS...; drop PATH TOKEN prints the status
get() { curl -sS "$API$1" -H "authorization: Bearer $2"; }
post() { curl -sS "$API$1" -H 'content-type: application/json' ${3:+-H "authorization: Bearer $3"} -d "$2"; }
form() { curl -sS "$API$1" "${@:2}"; }
drop() { curl -sS -o /dev/null -w '%{http_code}\n' -X DELETE "$API$1" -H "authorization: Bearer $2"; }

# pick NAME...: members of the JSON object that is piped in, on one line
pick() {
  node -pe '
    const object = JSON.parse(fs.readFileSync(0));
    const text = (value) => (typeof value === "object" ? JSON.stringify(value) : value);
    process.argv.slice(1).map((name) => text(object[name])).join(" ")
  ' "$@"
}

# claims NAME...: what the token that is piped in says, unverified
claims() { node -pe 'Buffer.from(fs.readFileSync(0, "utf8").split(".")[1], "base64url").toString()' | pick "$@"; }
