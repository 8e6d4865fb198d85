import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { KeyResolver, VerificationKey } from '@portcullis/verifier';
import type { EntityManager } from 'typeorm';
import { ENV, type Env, type SigningAlgorithm } from '../../config/env.js';
import type { Page, PageQuery } from '../common/pagination.js';
import type { Actor } from '../common/principal.js';
import { HmacKeys, type AudienceSecret } from './hmac-keys.js';
import { KeyDirectory, type ShownKey } from './key-directory.js';
import { KeyRing } from './key-ring.js';
import { KeyRotation, type NamedKey } from './key-rotation.service.js';

/** The door of this room: keys to verify with and to sign with, and what may be done to them. */
@Injectable()
export class KeysService implements KeyResolver, OnModuleInit {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly ring: KeyRing,
    private readonly rotation: KeyRotation,
    private readonly hmacKeys: HmacKeys,
    private readonly directory: KeyDirectory,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.ring.openAll();
    await this.ensureActive(this.env.signingAlgorithm);
    // Another instance may have been first, with a master key of its own.
    await this.ring.openAll();
    await this.ring.load();
  }

  /** The key as this instance knows it. */
  get(kid: string): VerificationKey | undefined {
    return this.ring.get(kid);
  }

  /** Looks for a key that another instance made; see KeyRing. */
  refresh(kid: string): Promise<VerificationKey | undefined> {
    return this.ring.refresh(kid);
  }

  /**
   * Signs with the private half, or the secret, of a key that was active when the facts of the token were read.
   *
   * @throws SigningKeyGone when it was revoked or replaced since: read the facts anew, once
   */
  sign(kid: string, bytes: Buffer): Promise<Buffer> {
    return this.ring.sign(kid, bytes);
  }

  /** Makes a key that signs at once, where none of the algorithm does. */
  ensureActive(algorithm: SigningAlgorithm): Promise<void> {
    return this.rotation.ensureActive(algorithm);
  }

  /** Makes the successor of the active key, or names the one that waits to sign already; where nothing signs, it signs at once. */
  rotate(algorithm: SigningAlgorithm, actor: Actor): Promise<NamedKey> {
    return this.rotation.rotate(algorithm, actor);
  }

  /**
   * Takes a key out of use at once, and with it its tokens; when it was the one that signs, another takes its place.
   *
   * @throws Problem 404
   */
  revoke(kid: string, actor: Actor, reason?: string): Promise<NamedKey> {
    return this.rotation.revoke(kid, actor, reason);
  }

  /**
   * Gives an audience a secret, which signs at once; tokens signed with the one before, if there was one, stay good until they expire.
   *
   * @param manager the transaction in which the audience is made or changed
   * @throws TypeError when the secret is not of the algorithm's length
   */
  introduceSecret(manager: EntityManager, secret: AudienceSecret, actor: Actor): Promise<{ kid: string }> {
    return this.hmacKeys.introduce(manager, secret, actor);
  }

  /**
   * Takes every secret of an audience out of use at once, and with it what it signed.
   *
   * @param manager the transaction in which the audience goes, or gets another algorithm
   */
  revokeSecrets(manager: EntityManager, audience: string, reason: string, actor: Actor): Promise<void> {
    return this.hmacKeys.revokeAll(manager, audience, reason, actor);
  }

  /** All keys there ever were, newest first. */
  list(query: PageQuery): Promise<Page<ShownKey>> {
    return this.directory.list(query);
  }

  /** @throws Problem 404 */
  read(kid: string): Promise<ShownKey> {
    return this.directory.read(kid);
  }
}
