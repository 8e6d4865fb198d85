/** Why key material is refused. Stable; made for programs. */
export type KeyRefusal =
  | 'malformed'
  | 'unsupported_format'
  | 'unsupported_type'
  | 'unsupported_curve'
  | 'unsupported_encryption'
  | 'passphrase_missing'
  | 'passphrase_wrong'
  | 'passphrase_weak'
  | 'private_key_expected'
  | 'public_key_expected'
  | 'wrong_use'
  | 'wrong_algorithm'
  | 'inconsistent'
  | 'published'
  | 'guessable'
  | 'secret_too_short'
  | 'secret_is_key'
  | 'rsa_size'
  | 'rsa_exponent'
  | 'rsa_modulus'
  | 'rsa_primes'
  | 'rsa_roca';

/** Key material that is not taken, with the reason as a sentence for people. Neither holds anything of the key. */
export class KeyRefused extends Error {
  override readonly name = 'KeyRefused';

  constructor(
    readonly code: KeyRefusal,
    message: string,
  ) {
    super(message);
  }
}
