import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { Actor } from '../common/principal.js';
import { Problem, notFound } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { privateKeyPem, publicKeyJwk, publicKeyPem } from './key-export.js';
import { KeyVault } from './key-vault.js';
import { SigningKey, type JsonWebKeyRecord } from './signing-key.entity.js';

/** Gives keys out: to the command line only. No route leads here. */
@Injectable()
export class KeyExport {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly vault: KeyVault,
    private readonly audit: AuditService,
  ) {}

  /**
   * The public half, as SPKI in PEM and as a JWK.
   *
   * @throws Problem 404; 409 `key_has_no_public_half` for an HMAC secret
   */
  async publicHalf(kid: string): Promise<{ pem: string; jwk: JsonWebKeyRecord }> {
    const { publicJwk, algorithm } = await this.find(kid);
    if (!publicJwk) throw new Problem(409, 'key_has_no_public_half', 'An HMAC secret has no public half.');
    return { pem: publicKeyPem(publicJwk), jwk: publicKeyJwk({ kid, algorithm, publicJwk }) };
  }

  /**
   * The private half as encrypted PKCS#8 in PEM. The audit trail says who took it.
   *
   * @throws Problem 404; 409 `key_signs_no_more` when nothing is left of the private half
   * @throws KeyRefused `passphrase_weak`; `unsupported_type` for an HMAC secret
   */
  async privateHalf(kid: string, passphrase: string, actor: Actor): Promise<string> {
    const { algorithm, privateKey, masterKeyId } = await this.find(kid);
    if (!privateKey) throw new Problem(409, 'key_signs_no_more', 'The key signs no more: its private half is deleted.');
    const pem = await privateKeyPem(this.vault.open(kid, algorithm, privateKey, masterKeyId), passphrase);
    await inTransaction(this.dataSource, (manager) =>
      this.audit.record(manager, {
        action: 'key.exported',
        actor,
        target: { type: 'signing_key', id: kid },
        details: { algorithm },
      }),
    );
    return pem;
  }

  private async find(kid: string): Promise<SigningKey> {
    const key = await this.dataSource.manager.findOneBy(SigningKey, { kid });
    if (!key) throw notFound('key');
    return key;
  }
}
