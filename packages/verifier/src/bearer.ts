/** The part of a request that is looked at. `rawHeaders` as Node has them: names and values in turn. */
export interface HeadersOfRequest {
  readonly headers: { readonly authorization?: string | undefined };
  readonly rawHeaders?: readonly string[] | undefined;
}

/** What the Authorization header brings: a token, nothing that is one, or something that must not be guessed about. */
export type Bearer = { token: string } | 'absent' | 'ambiguous';

/** RFC 6750 section 2.1: `b64token`, after a scheme whose case does not matter (RFC 9110 section 11.1). */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/**
 * The token in the Authorization header; tokens in the query or the body are not looked for (RFC 9700 section 4.3.2). `ambiguous`: several
 * headers, or a Bearer header with something that is no token. Whoever looked at the request before may have seen another token.
 */
export function bearerOf({ headers, rawHeaders = [] }: HeadersOfRequest): Bearer {
  // By its type a text, but frameworks for other platforms than Node also give lists.
  const authorization: unknown = headers.authorization;
  if (hasSeveralAuthorizations(rawHeaders)) return 'ambiguous';
  if (authorization === undefined) return 'absent';
  if (typeof authorization !== 'string') return 'ambiguous';
  if (!/^bearer +[^ ]/i.test(authorization)) return 'absent';
  const token = BEARER.exec(authorization)?.[1];
  return token === undefined ? 'ambiguous' : { token };
}

/** Node keeps the first Authorization header and drops the others; whoever checks before us may have looked at another one. */
export function hasSeveralAuthorizations(rawHeaders: readonly string[]): boolean {
  let seen = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length === 13 && rawHeaders[i]?.toLowerCase() === 'authorization') seen++;
  }
  return seen > 1;
}
