import { createPublicKey, type KeyObject } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Algorithm, KeyResolver, VerificationKey } from '@portcullis/verifier';
import { In, IsNull, Not, type Repository } from 'typeorm';
import { KeyVault } from './key-vault.js';
import { statesThat } from './lifecycle.js';
import { signBytes } from './signature.js';
import { SigningKeyGone } from './signing-key-gone.js';
import { SigningKey } from './signing-key.entity.js';

/** Unknown kids make an instance look for new keys, however many of them arrive, at most this often (ms). */
const RELOAD_INTERVAL = 50;

interface SigningHalf {
  algorithm: Algorithm;
  key: KeyObject;
}

/**
 * The signing keys as this instance knows them. Verification keys are looked up in memory; a kid that is not there makes it ask the
 * database, in turn with all others that do. Which key signs is never remembered: the statement that mints reads it.
 */
@Injectable()
export class KeyRing implements KeyResolver {
  private readonly logger = new Logger(KeyRing.name);
  private verification = new Map<string, VerificationKey>();
  /** Keys that are there and cannot be read: whether a token is theirs cannot be known, which is another thing than that it is nobody's. */
  private unreadable = new Map<string, Error>();
  private readonly signing = new Map<string, SigningHalf>();
  private underWay: Promise<unknown> = Promise.resolve();
  private next: Promise<void> | null = null;
  private reloadedAt = -Infinity;

  constructor(
    @InjectRepository(SigningKey) private readonly keys: Repository<SigningKey>,
    private readonly vault: KeyVault,
  ) {}

  get(kid: string): VerificationKey | undefined {
    return this.verification.get(kid);
  }

  /**
   * Looks for keys that other instances made. All who ask while a query is under way share the one after it, since that one may have been
   * sent before their key was made; so a flood of unknown kids waits rather than multiplies.
   *
   * @throws Error when the key is there, but cannot be read
   */
  async refresh(kid: string): Promise<VerificationKey | undefined> {
    await this.load();
    const problem = this.unreadable.get(kid);
    if (problem) throw problem;
    return this.verification.get(kid);
  }

  /**
   * Signs with the private half of `kid`. The caller has read, in the statement that gave it the facts, that this key is active.
   *
   * @throws SigningKeyGone when it was revoked or replaced since
   */
  async sign(kid: string, bytes: Buffer): Promise<Buffer> {
    const { algorithm, key } = this.signing.get(kid) ?? (await this.open(kid));
    return signBytes(algorithm, key, bytes);
  }

  /**
   * Opens every private half that signs or will: with another master key than theirs nothing may start.
   *
   * @throws MasterKeyError
   */
  async openAll(): Promise<void> {
    const signing = await this.keys.findBy({ state: In(statesThat('signs')), privateKey: Not(IsNull()) });
    for (const key of signing) this.keep(key);
  }

  /** Brings this instance up to date with what the database holds after the call. */
  load(): Promise<void> {
    this.next ??= this.loadInTurn();
    return this.next;
  }

  private async loadInTurn(): Promise<void> {
    await this.underWay.catch(() => undefined);
    const wait = this.reloadedAt + RELOAD_INTERVAL - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    this.next = null;
    const loading = this.read();
    this.underWay = loading;
    await loading;
  }

  /** Private halves that sign no more are let go of. */
  private async read(): Promise<void> {
    const rows = await this.keys.findBy({ state: In(statesThat('known')) });
    const verification = new Map<string, VerificationKey>();
    const unreadable = new Map<string, Error>();
    for (const row of rows) {
      // Of a symmetric key that was revoked nothing is left to verify with.
      if (row.publicJwk === null && row.privateKey === null) continue;
      try {
        verification.set(row.kid, this.verification.get(row.kid) ?? this.verificationKeyOf(row));
      } catch (error) {
        this.logger.error(`key ${row.kid} cannot be read: ${String(error)}`);
        unreadable.set(row.kid, error as Error);
      }
    }
    this.verification = verification;
    this.unreadable = unreadable;
    const signing = new Set(rows.filter((row) => row.privateKey !== null).map(({ kid }) => kid));
    for (const kid of this.signing.keys()) if (!signing.has(kid)) this.signing.delete(kid);
    this.reloadedAt = performance.now();
  }

  private async open(kid: string): Promise<SigningHalf> {
    const row = await this.keys.findOneBy({ kid });
    if (!row) throw new SigningKeyGone(kid);
    return this.keep(row);
  }

  private keep(row: SigningKey): SigningHalf {
    const half = { algorithm: row.algorithm as Algorithm, key: this.privateHalfOf(row) };
    this.signing.set(row.kid, half);
    return half;
  }

  private verificationKeyOf(row: SigningKey): VerificationKey {
    const { kid, publicJwk, audience } = row;
    if (publicJwk === null && audience === null) throw new TypeError('a secret belongs to one audience');
    const key = publicJwk ? createPublicKey({ key: publicJwk, format: 'jwk' }) : this.privateHalfOf(row);
    return { kid, algorithm: row.algorithm as Algorithm, key, audience };
  }

  private privateHalfOf({ kid, algorithm, privateKey, masterKeyId }: SigningKey): KeyObject {
    if (privateKey === null) throw new SigningKeyGone(kid);
    return this.vault.open(kid, algorithm, privateKey, masterKeyId);
  }
}
