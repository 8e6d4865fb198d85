import { preconditionFailed } from './problem.js';

/** A resource's version as an entity tag (RFC 9110 section 8.8.3). */
export function etagOf(version: number): string {
  return `"${version.toString()}"`;
}

/**
 * Stops an update of a version other than the one the client read (RFC 9110 section 13.1.1). Without the header, or with `*`, any will do.
 *
 * @throws Problem 412
 */
export function requireMatch(ifMatch: string | undefined, version: number): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  if (!tags.includes(etagOf(version))) throw preconditionFailed();
}
