/**
 * How to reach one Postgres database. One URL, because it is the form that `pg` (`connectionString`) and TypeORM (`url`) both take,
 * for TCP and for unix sockets alike. It may hold a password: log {@link describeConnection} of it, never the URL itself.
 */
export interface PostgresConnection {
  readonly url: string;
}

/** What a room that opens connections of its own injects: `@Inject(CONNECTION) connection: PostgresConnection`. */
export const CONNECTION = Symbol('CONNECTION');

export interface ConnectionParts {
  /** A host name, or the absolute path of the directory that holds the server's unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password?: string;
}

/** The URL of a server on this machine. It turns TLS off by name, so that a stray `PGSSLMODE` does not turn it on. */
export function connectionTo(parts: ConnectionParts): PostgresConnection {
  const onSocket = parts.host.startsWith('/');
  // A URL that has credentials must have a host; "localhost" is a placeholder that the `host` parameter overrides.
  const url = new URL(`postgres://${onSocket ? 'localhost' : parts.host}:${parts.port}`);
  url.username = encodeURIComponent(parts.user);
  if (parts.password !== undefined) url.password = encodeURIComponent(parts.password);
  url.pathname = `/${encodeURIComponent(parts.database)}`;
  if (onSocket) url.searchParams.set('host', parts.host);
  url.searchParams.set('sslmode', 'disable');
  return { url: url.href };
}

/** `user@host:port/database`, without password and parameters: safe to log. */
export function describeConnection(url: string): string {
  const parsed = parseUrl(url);
  if (parsed === undefined) return 'an unreadable URL';
  const host = parsed.searchParams.get('host') ?? (parsed.host || 'localhost');
  const user = parsed.searchParams.get('user') ?? parsed.username;
  return `${user === '' ? '' : `${user}@`}${host}${parsed.pathname}`;
}

/** The text with every form of the URL's password struck out, for messages that other code wrote. */
export function withoutPassword(text: string, url: string): string {
  const parsed = parseUrl(url);
  if (parsed === undefined) return text.replaceAll(url, '<url>');
  const secrets = [parsed.password, safelyDecoded(parsed.password), parsed.searchParams.get('password') ?? ''];
  return secrets
    .filter((secret) => secret !== '')
    .sort((a, b) => b.length - a.length)
    .reduce((clean, secret) => clean.replaceAll(secret, '***'), text);
}

function parseUrl(url: string): URL | undefined {
  // `postgres://user@/database?host=/socket` has no host, which libpq takes and the URL standard does not.
  const candidates = [url, url.replace('@/', '@localhost/')];
  return candidates.filter((candidate) => URL.canParse(candidate)).map((candidate) => new URL(candidate))[0];
}

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
