/**
 * The issuer's URL, without a slash at the end (RFC 8414 section 2).
 *
 * @throws TypeError for one that could be answered by anyone on the way: plain HTTP beyond this machine needs `allowInsecure`
 */
export function issuerUrl(text: string, allowInsecure: boolean): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError(`the issuer ${JSON.stringify(text)} is not a URL`);
  }
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw new TypeError('the issuer is a URL without query, fragment and credentials');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new TypeError('the issuer is an https: URL');
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !allowInsecure) {
    throw new TypeError(
      `the issuer ${text} is not https:; anyone on the way could answer for it (allowInsecure: true permits this)`,
    );
  }
  return text.replace(/\/$/, '');
}

/** Names below `localhost` are not among them: Node asks the resolver for those, and so perhaps another machine. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
