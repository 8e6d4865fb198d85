/**
 * The life of a signing key: `pending` is published but does not sign yet, so that every verifier knows it in time; `active` signs;
 * `retiring` only verifies, until the last token it signed has expired; `retired` is history; `revoked` may come at any time and ends the key's
 * tokens at once.
 */
export type KeyState = 'pending' | 'active' | 'retiring' | 'retired' | 'revoked';

const NEXT: Record<KeyState, readonly KeyState[]> = {
  pending: ['active', 'revoked'],
  active: ['retiring', 'revoked'],
  retiring: ['retired', 'revoked'],
  retired: ['revoked'],
  revoked: [],
};

export function mayBecome(from: KeyState, to: KeyState): boolean {
  return NEXT[from].includes(to);
}

/** Whether the key stands in the JWKS. */
export function isPublished(state: KeyState): boolean {
  return state === 'pending' || state === 'active' || state === 'retiring';
}

/**
 * Whether signatures of the key can still be told from forgeries. That of a revoked key can, so that its refusal may say `key_revoked`;
 * the validity window is what refuses it.
 */
export function isKnown(state: KeyState): boolean {
  return state !== 'retired';
}

/** Whether the key has use for its private half. */
export function needsPrivateHalf(state: KeyState): boolean {
  return state === 'pending' || state === 'active';
}
