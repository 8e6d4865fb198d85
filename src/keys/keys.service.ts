import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource, InjectRepository } from '@nestjs/typeorm';
import type { KeyResolver, VerificationKey } from '@portcullis/verifier';
import { In, type DataSource, type Repository } from 'typeorm';
import { ENV, type Env, type SigningAlgorithm } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import { MasterKey, MasterKeyError } from '../common/master-key.js';
import { SYSTEM } from '../common/principal.js';
import { generateSigningKey } from './key-generation.js';
import { statesThat } from './lifecycle.js';
import { UnwrapError, unwrapPrivateKey, wrapPrivateKey } from './key-wrapping.js';
import { signBytes } from './signature.js';
import { SigningKey } from './signing-key.entity.js';

/** Two starters must not both make the first key: an arbitrary number that all instances share. */
const FIRST_KEY_LOCK = 7_205_001;

/** Unknown kids make an instance look for new keys, however many of them arrive, at most this often (ms). */
const RELOAD_INTERVAL = 50;

/**
 * The signing keys as this instance knows them. Verification keys are looked up in memory; a kid that is not there makes it ask the
 * database, in turn with all others that do. Which key signs is never remembered: the statement that mints reads it.
 */
@Injectable()
export class KeysService implements KeyResolver, OnModuleInit {
  private verification = new Map<string, VerificationKey>();
  private readonly signing = new Map<string, SigningHalf>();
  private readonly making = new Map<SigningAlgorithm, Promise<void>>();
  private underWay: Promise<unknown> = Promise.resolve();
  private next: Promise<void> | null = null;
  private reloadedAt = -Infinity;

  constructor(
    @InjectRepository(SigningKey) private readonly keys: Repository<SigningKey>,
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly masterKey: MasterKey,
    private readonly audit: AuditService,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.unwrapAll();
    await this.ensureActive(this.env.signingAlgorithm);
    // Another instance may have been first, with a master key of its own.
    await this.unwrapAll();
    await this.load();
  }

  get(kid: string): VerificationKey | undefined {
    return this.verification.get(kid);
  }

  /**
   * Looks for keys that other instances made. All who ask while a query is under way share the one after it, since that one may have been
   * sent before their key was made; so a flood of unknown kids waits rather than multiplies.
   */
  async refresh(kid: string): Promise<VerificationKey | undefined> {
    this.next ??= this.loadInTurn();
    await this.next;
    return this.verification.get(kid);
  }

  /** Signs with the private half of `kid`. The caller has read, in the statement that gave it the facts, that this key is active. */
  async sign(kid: string, bytes: Buffer): Promise<Buffer> {
    const half = this.signing.get(kid) ?? this.unwrap(await this.keys.findOneByOrFail({ kid }));
    return signBytes(half.algorithm, half.key, bytes);
  }

  /**
   * Makes a key that signs at once, where none of the algorithm does: at the first start, and after the active key was revoked. Everyone who
   * logs in then asks for it, and one key is made for all of them.
   */
  ensureActive(algorithm: SigningAlgorithm): Promise<void> {
    const making =
      this.making.get(algorithm) ??
      this.makeActive(algorithm).finally(() => {
        this.making.delete(algorithm);
      });
    this.making.set(algorithm, making);
    return making;
  }

  private async makeActive(algorithm: SigningAlgorithm): Promise<void> {
    if (await this.keys.existsBy({ algorithm, state: 'active' })) return;
    const { kid, publicJwk, privateKey } = await generateSigningKey(algorithm);
    const wrapped = wrapPrivateKey(this.masterKey, kid, privateKey.export({ format: 'der', type: 'pkcs8' }));
    await this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [FIRST_KEY_LOCK]);
      if (await manager.existsBy(SigningKey, { algorithm, state: 'active' })) return;
      await manager.insert(SigningKey, {
        kid,
        algorithm,
        state: 'active',
        publicJwk,
        privateKey: wrapped,
        masterKeyId: this.masterKey.id,
        activatedAt: () => 'clock_timestamp()',
      });
      const target = { type: 'signing_key', id: kid };
      await this.audit.record(manager, { action: 'key.created', actor: SYSTEM, target, details: { algorithm } });
    });
  }

  private async loadInTurn(): Promise<void> {
    await this.underWay.catch(() => undefined);
    const wait = this.reloadedAt + RELOAD_INTERVAL - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    this.next = null;
    const loading = this.load();
    this.underWay = loading;
    await loading;
  }

  private async load(): Promise<void> {
    const known = await this.keys.find({
      select: { kid: true, algorithm: true, audience: true, publicJwk: true },
      where: { state: In(statesThat('known')) },
    });
    const next = new Map<string, VerificationKey>();
    for (const key of known) {
      const before = this.verification.get(key.kid);
      const now = before ?? verificationKeyOf(key);
      if (now) next.set(key.kid, now);
    }
    this.verification = next;
    this.reloadedAt = performance.now();
  }

  private async unwrapAll(): Promise<void> {
    for (const key of await this.keys.findBy({ state: In(statesThat('signs')) })) this.unwrap(key);
  }

  private unwrap(key: SigningKey): SigningHalf {
    if (!key.privateKey) throw new Error(`key ${key.kid} has no private half any more`);
    try {
      const der = unwrapPrivateKey(this.masterKey, key.kid, key.privateKey);
      const half = {
        algorithm: key.algorithm as SigningAlgorithm,
        key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
      };
      this.signing.set(key.kid, half);
      return half;
    } catch (error) {
      if (!(error instanceof UnwrapError)) throw error;
      throw new MasterKeyError(
        `The master key is not the one that the signing keys in the database are encrypted under (theirs is named ${key.masterKeyId ?? 'unknown'}, ` +
          `this one ${this.masterKey.id}). Nothing was changed.`,
      );
    }
  }
}

interface SigningHalf {
  algorithm: SigningAlgorithm;
  key: KeyObject;
}

function verificationKeyOf(key: SigningKey): VerificationKey | null {
  if (!key.publicJwk) return null;
  return {
    kid: key.kid,
    algorithm: key.algorithm as VerificationKey['algorithm'],
    key: createPublicKey({ key: key.publicJwk, format: 'jwk' }),
    audience: key.audience,
  };
}
