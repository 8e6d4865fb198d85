/**
 * The life of a signing key: `pending` is published but does not sign yet, so that every verifier knows it in time; `active` signs;
 * `retiring` only verifies, until the last token it signed has expired; `retired` is history; `revoked` may come at any time and ends the
 * key's tokens at once.
 */
export const KEY_STATES = ['pending', 'active', 'retiring', 'retired', 'revoked'] as const;

export type KeyState = (typeof KEY_STATES)[number];

interface Uses {
  /** It stands in the JWKS. */
  published: boolean;
  /**
   * Its signatures can still be told from forgeries. Those of a revoked key can, so that the refusal may say `key_revoked`; the validity
   * window is what refuses it.
   */
  known: boolean;
  /** It signs, or will: its private half is kept. */
  signs: boolean;
}

const USES: Record<KeyState, Uses> = {
  pending: { published: true, known: true, signs: true },
  active: { published: true, known: true, signs: true },
  retiring: { published: true, known: true, signs: false },
  retired: { published: false, known: false, signs: false },
  revoked: { published: false, known: true, signs: false },
};

/** The states in which a key is of this use. */
export function statesThat(use: keyof Uses): KeyState[] {
  return KEY_STATES.filter((state) => USES[state][use]);
}
