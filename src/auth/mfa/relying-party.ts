/** Who passkeys are for (WebAuthn section 4): authenticators and browsers bind them to this. */
export interface RelyingParty {
  /** The issuer's host name. */
  id: string;
  name: string;
  /**
   * Where passkeys may be used: the issuer's own origin, and those of the pages that may call the API and lie under the same name. Over plain HTTP nowhere but on
   * this machine, as browsers have it (WebAuthn is for secure contexts): somebody on the network could be any such page.
   */
  origins: string[];
}

export function relyingParty(issuer: string, pages: readonly string[]): RelyingParty {
  const { hostname, origin } = new URL(issuer);
  const related = pages.filter((page) => {
    const host = new URL(page).hostname;
    return host === hostname || host.endsWith(`.${hostname}`);
  });
  return { id: hostname, name: hostname, origins: [...new Set([origin, ...related])].filter(isTrustworthy) };
}

/** Of what may be a relying party, which no IP address may (https://www.w3.org/TR/secure-contexts/#is-origin-trustworthy). */
function isTrustworthy(origin: string): boolean {
  const { protocol, hostname } = new URL(origin);
  return protocol === 'https:' || (protocol === 'http:' && /^(.+\.)?localhost$/.test(hostname));
}
