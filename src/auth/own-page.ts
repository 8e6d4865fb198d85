/**
 * Whether a request that changes something comes from a page of our own origin. Browsers send `Origin` with every POST, and pages cannot forge it; where
 * there is none, `Sec-Fetch-Site` must say so. `SameSite` alone would let in pages of every other host below the same domain, on any port. Whoever
 * sends neither is no browser, and has no use for a cookie.
 *
 * @param own an origin as `URL.origin` writes it
 */
export function fromOwnPage(
  origin: string | undefined,
  fetchSite: string | string[] | undefined,
  own: string,
): boolean {
  if (origin !== undefined) return origin === own;
  return fetchSite === 'same-origin';
}
