import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { SigningAlgorithm } from '../../config/env.js';
import { SYSTEM, type Actor } from '../common/principal.js';
import { notFound } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { generateSigningKey, type GeneratedKey } from './key-generation.js';
import { KeyRecords, lifeOf, lineOf, type KeyAffairs } from './key-records.js';
import {
  activeOf,
  dueChanges,
  missingKey,
  newKey,
  nextDue,
  pendingOf,
  revoked,
  type KeyLife,
  type KeyLine,
} from './key-transitions.js';
import { SigningKey } from './signing-key.entity.js';

/** A key by its name, and where in its life it is. */
export type NamedKey = Pick<SigningKey, 'kid' | 'state'>;

/**
 * Moves keys through their lives. Key material takes long to make, so it is made before the transaction; inside, under a lock that all instances
 * share, everything is read and decided again. Whoever comes second finds nothing left to do, and a crash leaves either all of a step or none.
 */
@Injectable()
export class KeyRotation {
  private readonly making = new Map<SigningAlgorithm, Promise<void>>();
  private readonly rotating = new Map<SigningAlgorithm, Promise<NamedKey>>();

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly records: KeyRecords,
  ) {}

  /**
   * Does everything that is due, for all keys.
   *
   * @returns how long until something will be due (ms), or null when nothing is to come
   */
  async tend(): Promise<number | null> {
    const before = await this.records.read(this.dataSource.manager);
    const lacking = before.lines.filter((line) => missingKey(line, before.now, before.policy) !== null);
    const due = before.lines.some((line) => dueChanges(line, before.now, before.policy).length > 0);
    if (lacking.length === 0 && !due) return untilNextDue(before);
    const made: GeneratedKey[] = [];
    for (const { algorithm } of lacking) made.push(await generateSigningKey(algorithm as SigningAlgorithm));
    return untilNextDue(await this.settle(made));
  }

  /**
   * Makes a key that signs at once, where none of the algorithm does: at the first start, and after the active key was revoked in SQL. Everyone who
   * logs in then asks for it, and one key is made for all of them.
   */
  async ensureActive(algorithm: SigningAlgorithm): Promise<void> {
    // Again afterwards: the making that one has joined may have begun, and found nothing to do, before the key was revoked.
    while (!activeOf(lineOf(await this.records.read(this.dataSource.manager), algorithm, null))) {
      await shared(this.making, algorithm, () => this.makeActive(algorithm));
    }
  }

  /**
   * Makes the successor of the active key. Verifiers get to know it before it signs; where nothing signs, it signs at once. While one waits to sign,
   * it is the successor, and no other is made: whoever repeats a request that was not answered gets the same key.
   */
  rotate(algorithm: SigningAlgorithm, actor: Actor): Promise<NamedKey> {
    return shared(this.rotating, algorithm, () => this.makeSuccessor(algorithm, actor));
  }

  /**
   * Takes a key out of use at once: out of the JWKS, and with it its tokens. When it was the one that signs, another takes its place; the revocation
   * does not wait for that.
   *
   * @throws Problem 404
   */
  async revoke(kid: string, actor: Actor, reason?: string): Promise<NamedKey> {
    const line = await this.change(async (manager, affairs) => {
      const row = await manager.findOneBy(SigningKey, { kid });
      if (!row) throw notFound('key');
      const before = lineOf(affairs, row.algorithm, row.audience);
      if (row.state === 'revoked') return before;
      const key = revoked(lifeOf(row), affairs.now);
      await this.records.saveRevoked(manager, before, { before: row.state, key, reason }, actor);
      const left = { ...before, keys: before.keys.filter((other) => other.kid !== kid) };
      return this.records.applyDue(manager, left, affairs);
    });
    if (line.inUse) await this.ensureActive(line.algorithm as SigningAlgorithm);
    return { kid, state: 'revoked' };
  }

  /** @param made keys for lines that lacked one a moment ago; each is stored only if its line still lacks one */
  private settle(made: readonly GeneratedKey[]): Promise<KeyAffairs> {
    return this.change(async (manager, affairs) => {
      const { now, policy } = affairs;
      const lines: KeyLine[] = [];
      for (const before of affairs.lines) {
        let line = await this.records.applyDue(manager, before, affairs);
        const key = made.find(({ algorithm }) => algorithm === line.algorithm);
        if (key && missingKey(line, now, policy) !== null) line = await this.add(manager, line, key, affairs, SYSTEM);
        lines.push(line);
      }
      return { ...affairs, lines };
    });
  }

  private async makeActive(algorithm: SigningAlgorithm): Promise<void> {
    const key = await generateSigningKey(algorithm);
    await this.change(async (manager, affairs) => {
      const line = await this.records.applyDue(manager, lineOf(affairs, algorithm, null), affairs);
      if (!activeOf(line)) await this.add(manager, line, key, affairs, SYSTEM);
    });
  }

  private async makeSuccessor(algorithm: SigningAlgorithm, actor: Actor): Promise<NamedKey> {
    const before = lineOf(await this.records.read(this.dataSource.manager), algorithm, null);
    // Most often a second request finds the successor that the first one asked for, and needs no key.
    const key = pendingOf(before) ? null : await generateSigningKey(algorithm);
    const successor = await this.change(async (manager, affairs) => {
      const line = await this.records.applyDue(manager, lineOf(affairs, algorithm, null), affairs);
      const another = pendingOf(line) ?? successorOf(activeOf(before), line);
      if (another || !key) return another;
      const { keys } = await this.add(manager, line, key, affairs, actor);
      return keys.find(({ kid }) => kid === key.kid);
    });
    // None: the one that was pending was revoked meanwhile.
    return successor ?? this.makeSuccessor(algorithm, actor);
  }

  /** Adds a key to its line; where nothing caches the JWKS, it signs at once. */
  private async add(
    manager: EntityManager,
    line: KeyLine,
    { kid, publicJwk, privateKey }: GeneratedKey,
    affairs: KeyAffairs,
    actor: Actor,
  ): Promise<KeyLine> {
    const life = newKey(line, kid, affairs.now);
    const after = await this.records.add(manager, line, life, { publicJwk, privateKey, origin: 'generated' }, actor);
    return this.records.applyDue(manager, after, affairs);
  }

  private change<T>(work: (manager: EntityManager, affairs: KeyAffairs) => Promise<T>): Promise<T> {
    return inTransaction(this.dataSource, async (manager) => work(manager, await this.records.readToChange(manager)));
  }
}

/** The key that another instance has put in the place of this one while a key was being made here. */
function successorOf(former: KeyLife | undefined, line: KeyLine): KeyLife | undefined {
  const active = activeOf(line);
  return active?.kid === former?.kid ? undefined : active;
}

function untilNextDue({ now, policy, lines }: KeyAffairs): number | null {
  const dues = lines.flatMap((line) => nextDue(line, policy)?.getTime() ?? []);
  return dues.length === 0 ? null : Math.min(...dues) - now.getTime();
}

/** The result of the work under this name that is under way, or else of this. */
function shared<T>(
  underWay: Map<SigningAlgorithm, Promise<T>>,
  name: SigningAlgorithm,
  work: () => Promise<T>,
): Promise<T> {
  const working =
    underWay.get(name) ??
    work().finally(() => {
      underWay.delete(name);
    });
  underWay.set(name, working);
  return working;
}
