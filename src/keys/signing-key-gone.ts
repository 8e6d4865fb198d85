/**
 * The key that was to sign has no private half any more: it was revoked or replaced after the facts of the token had been read. Read them anew:
 * they name the key that signs now.
 */
export class SigningKeyGone extends Error {
  override readonly name = 'SigningKeyGone';

  constructor(readonly kid: string) {
    super(`key ${kid} has no private half any more`);
  }
}
