import { createPrivateKey, createSecretKey, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { MasterKey, wrongMasterKey } from '../common/master-key.js';
import { UnwrapError, unwrapPrivateKey, wrapPrivateKey } from './key-wrapping.js';
import type { SigningKey } from './signing-key.entity.js';

/** A private half, or the secret of a symmetric key, as it is stored. */
export type SealedKey = Pick<SigningKey, 'privateKey' | 'masterKeyId'>;

/** Between the private halves in the database, which are encrypted under the master key, and those in memory. */
@Injectable()
export class KeyVault {
  constructor(private readonly masterKey: MasterKey) {}

  seal(kid: string, key: KeyObject): SealedKey {
    const bytes = key.type === 'secret' ? key.export() : key.export({ format: 'der', type: 'pkcs8' });
    return { privateKey: wrapPrivateKey(this.masterKey, kid, bytes), masterKeyId: this.masterKey.id };
  }

  /**
   * @param wrapped the row's private half, which must still be there
   * @throws MasterKeyError when it was sealed under another master key
   */
  open(kid: string, algorithm: string, wrapped: Buffer, masterKeyId: string | null): KeyObject {
    try {
      const bytes = unwrapPrivateKey(this.masterKey, kid, wrapped);
      return algorithm.startsWith('HS')
        ? createSecretKey(bytes)
        : createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' });
    } catch (error) {
      if (!(error instanceof UnwrapError)) throw error;
      throw wrongMasterKey(masterKeyId ?? 'unknown', this.masterKey);
    }
  }
}
