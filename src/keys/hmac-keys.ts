import { createSecretKey } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { algorithmOf, type Algorithm } from '@portcullis/verifier';
import type { EntityManager } from 'typeorm';
import type { Actor } from '../common/principal.js';
import { randomSecret } from '../common/secrets.js';
import { KeyRecords, lineOf } from './key-records.js';
import { activated, activeOf, newKey, retiring, revoked } from './key-transitions.js';

/** The secret that one audience verifies its tokens with. */
export interface AudienceSecret {
  audience: string;
  algorithm: Extract<Algorithm, `HS${string}`>;
  /** 32 bytes for HS256, 48 for HS384, 64 for HS512, or more (RFC 7518 section 3.2). */
  secret: Buffer;
  /** Whether it was made here, as it is unless said otherwise, or given. */
  origin?: 'generated' | 'imported';
}

/** Keys that belong to one audience: whoever verifies with such a secret could sign with it as well. */
@Injectable()
export class HmacKeys {
  constructor(private readonly records: KeyRecords) {}

  /**
   * Gives an audience its secret, which signs at once: there is no one to publish it to. Tokens signed with the secret before, if there was one,
   * stay good until they expire.
   *
   * @param manager the transaction in which the audience is made or changed
   * @throws TypeError when the secret is not of the algorithm's length
   */
  async introduce(
    manager: EntityManager,
    { audience, algorithm, secret, origin = 'generated' }: AudienceSecret,
    actor: Actor,
  ): Promise<{ kid: string }> {
    const privateKey = createSecretKey(secret);
    if (algorithmOf(privateKey) !== algorithm) throw new TypeError(`${secret.length} bytes are no ${algorithm} secret`);
    const affairs = await this.records.readToChange(manager);
    for (const line of affairs.lines) {
      const former = line.audience === audience && activeOf(line);
      if (!former) continue;
      const key = retiring(former, line, affairs.now, affairs.policy);
      await this.records.save(manager, line, { to: 'retiring', key }, actor);
    }
    // Not a thumbprint: that would let everyone who sees a token check guesses at the secret.
    const kid = randomSecret(16);
    const line = lineOf(affairs, algorithm, audience);
    const key = activated(newKey(line, kid, affairs.now), affairs.now);
    await this.records.add(manager, line, key, { publicJwk: null, privateKey, origin }, actor);
    return { kid };
  }

  /** Takes every secret of an audience out of use at once, and with it what it signed. */
  async revokeAll(manager: EntityManager, audience: string, reason: string, actor: Actor): Promise<void> {
    const affairs = await this.records.readToChange(manager);
    for (const line of affairs.lines.filter((other) => other.audience === audience)) {
      for (const key of line.keys.filter(({ state }) => state !== 'revoked')) {
        const revocation = { before: key.state, key: revoked(key, affairs.now), reason };
        await this.records.saveRevoked(manager, line, revocation, actor);
      }
    }
  }
}
