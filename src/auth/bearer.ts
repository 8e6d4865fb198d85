import type { IncomingMessage } from 'node:http';

/** What the Authorization header brings: a token, nothing that is one, or something that must not be guessed about. */
export type Bearer = { token: string } | 'absent' | 'ambiguous';

/** RFC 6750 section 2.1. Tokens in the query or the body are not looked for (RFC 9700 section 4.3.2). */
export function bearerOf(request: Pick<IncomingMessage, 'headers' | 'rawHeaders'>): Bearer {
  const { authorization } = request.headers;
  if (authorization === undefined) return 'absent';
  if (hasSeveralAuthorizations(request.rawHeaders)) return 'ambiguous';
  if (!/^bearer /i.test(authorization)) return 'absent';
  const token = authorization.slice('bearer '.length).trim();
  return token === '' || /\s/.test(token) ? 'ambiguous' : { token };
}

/** Node keeps the first Authorization header and drops the others; whoever checks before us may have looked at another one. */
export function hasSeveralAuthorizations(rawHeaders: readonly string[]): boolean {
  let seen = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length === 13 && rawHeaders[i]?.toLowerCase() === 'authorization') seen++;
  }
  return seen > 1;
}
