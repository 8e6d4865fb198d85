import { spellingOfWord } from './password-spelling.js';
import { normalisedPassword } from './password-text.js';

/** Whose password it is: none of these may be what it is made of. */
export interface PasswordOwner {
  username: string;
  email: string | null;
  displayName?: string | null;
}

/**
 * What has to do with a user and with this service (NIST SP 800-63B-4 section 3.1.1.2: context-specific words), each as a whole and in its parts,
 * in the spelling of `spellingOfWord`.
 *
 * @param issuer the public URL of the service
 */
export function contextWords({ username, email, displayName }: PasswordOwner, issuer: string): Set<string> {
  const names = [username, email ?? '', displayName ?? '', 'portcullis', new URL(issuer).hostname];
  const words = names.flatMap((name) => {
    const text = normalisedPassword(name).toLowerCase();
    return [text, ...text.split('@'), ...text.split(/[^\p{L}\p{N}]+/u), ...text.split(/[^\p{L}]+/u)];
  });
  return new Set(words.filter((word) => word !== '').map(spellingOfWord));
}
