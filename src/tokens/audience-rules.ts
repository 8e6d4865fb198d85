import { extraClaims, type ClaimSubject } from '../clients/extra-claims.js';
import type { AudienceFacts, MintingFacts } from './minting-facts.js';

type Audiences = Pick<MintingFacts, 'audience' | 'audiences'>;

/** The longest lifetime that all audiences allow, in seconds. @param otherwise what one that says nothing allows */
export function lifetimeAllowed(facts: Audiences, otherwise: number): number {
  const registered = registeredAmong(facts);
  const allowed = registered.map(({ tokenTtlSeconds }) => tokenTtlSeconds ?? otherwise);
  const silent = registered.length < facts.audience.length;
  return Math.min(...allowed, ...(silent ? [otherwise] : []));
}

/** The extra claims that the audiences ask for. Where two want other things under one name, the one named first has its way. */
export function declaredClaims(facts: Audiences, subject: ClaimSubject): Record<string, string> {
  const declared = registeredAmong(facts).map(({ claims }) => extraClaims(claims, subject));
  return Object.assign({}, ...declared.reverse()) as Record<string, string>;
}

/** `aud` of a token (RFC 7519 section 4.1.3): a list only where there are several. */
export function audClaim([only, ...others]: readonly string[]): string | string[] | null {
  if (only === undefined) return null;
  return others.length === 0 ? only : [only, ...others];
}

function registeredAmong({ audience, audiences }: Audiences): AudienceFacts[] {
  if (!audiences) return [];
  return audience.flatMap((name) => audiences.find(({ identifier }) => identifier === name) ?? []);
}
