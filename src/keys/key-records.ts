import type { KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import { SYSTEM, type Actor } from '../common/principal.js';
import { KeyVault } from './key-vault.js';
import {
  dueChanges,
  withChanges,
  type KeyChange,
  type KeyLife,
  type KeyLine,
  type KeyPolicy,
} from './key-transitions.js';
import { SigningKey, type JsonWebKeyRecord } from './signing-key.entity.js';

/** All that is needed to say what is due, as of one moment of the database's clock. */
export interface KeyAffairs {
  now: Date;
  policy: KeyPolicy;
  lines: KeyLine[];
}

/** The key itself, as opposed to its life. */
export interface KeyMaterial {
  /** Null for a secret. */
  publicJwk: JsonWebKeyRecord | null;
  /** Or the secret; null for a key that only verifies. */
  privateKey: KeyObject | null;
  origin: SigningKey['origin'];
}

/** An arbitrary number that all instances share. Under this lock one of them changes keys; nobody else waits for it. */
const KEYS_LOCK = 7_205_001;

type Row = KeyLife & { algorithm: string; audience: string | null };

/** Keys that sign, verify, or hold something that they should not hold any more. */
const ROWS = `
SELECT kid, algorithm, audience, state, created_at AS "createdAt", activated_at AS "activatedAt", retiring_at AS "retiringAt",
  retire_at AS "retireAt", retired_at AS "retiredAt", revoked_at AS "revokedAt", private_key IS NOT NULL AS "hasPrivateHalf"
FROM signing_keys WHERE state IN ('pending', 'active', 'retiring') OR private_key IS NOT NULL ORDER BY kid`;

/** The clock is read after the keys, so that none of them was made later. */
const MOMENT = `
SELECT clock_timestamp() AS now, (SELECT extract(epoch FROM keep) FROM validity_clock)::float8 AS "keepSeconds",
  ARRAY(SELECT DISTINCT algorithm FROM audiences WHERE algorithm NOT LIKE 'HS%') AS algorithms`;

/** Reads and writes the lives of keys; what is to be written is decided elsewhere. */
@Injectable()
export class KeyRecords {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly vault: KeyVault,
    private readonly audit: AuditService,
  ) {}

  /** Keeps other instances from changing keys until the transaction ends. */
  async lock(manager: EntityManager): Promise<void> {
    await manager.query('SELECT pg_advisory_xact_lock($1)', [KEYS_LOCK]);
  }

  /** To look whether anything is due. */
  read(manager: EntityManager): Promise<KeyAffairs> {
    return this.affairs(manager, ROWS);
  }

  /** To change something: under the lock, and with the rows themselves locked against somebody who changes them in SQL. */
  async readToChange(manager: EntityManager): Promise<KeyAffairs> {
    await this.lock(manager);
    return this.affairs(manager, `${ROWS} FOR UPDATE`);
  }

  /** Makes every change that is due in one line, and returns the line as it is afterwards. */
  async applyDue(manager: EntityManager, line: KeyLine, { now, policy }: KeyAffairs): Promise<KeyLine> {
    const changes = dueChanges(line, now, policy);
    for (const change of changes) await this.save(manager, line, change);
    return withChanges(line, changes);
  }

  async save(manager: EntityManager, line: KeyLine, { to, key }: KeyChange, actor: Actor = SYSTEM): Promise<void> {
    await this.write(manager, key);
    if (to === null) return;
    const { kid, retireAt } = key;
    const action = `key.${to === 'active' ? 'activated' : to}`;
    const details = { ...named(line), ...(to === 'retiring' && { retireAt }) };
    await this.audit.record(manager, { action, actor, target: targetOf(kid), details });
  }

  async saveRevoked(
    manager: EntityManager,
    line: Pick<KeyLine, 'algorithm' | 'audience'>,
    { before, key, reason }: { before: KeyLife['state']; key: KeyLife; reason: string | undefined },
    actor: Actor,
  ): Promise<void> {
    await this.write(manager, key);
    const details = { ...named(line), before, ...(reason !== undefined && { reason }) };
    await this.audit.record(manager, { action: 'key.revoked', actor, target: targetOf(key.kid), details });
  }

  /** Adds a key whose life begins as `key` says, and returns the line with it. */
  async add(
    manager: EntityManager,
    line: KeyLine,
    key: KeyLife,
    material: KeyMaterial,
    actor: Actor,
  ): Promise<KeyLine> {
    const { kid, state, createdAt, activatedAt, retiringAt, retireAt } = key;
    const { algorithm, audience } = line;
    const { publicJwk, privateKey, origin } = material;
    await manager.insert(SigningKey, {
      ...{ kid, algorithm, audience, state, createdAt, activatedAt, retiringAt, retireAt, publicJwk, origin },
      ...(privateKey && this.vault.seal(kid, privateKey)),
    });
    const action = origin === 'imported' ? 'key.imported' : 'key.created';
    await this.audit.record(manager, { action, actor, target: targetOf(kid), details: { ...named(line), state } });
    return { ...line, keys: [...line.keys, key] };
  }

  private async write(manager: EntityManager, key: KeyLife): Promise<void> {
    const { kid, state, activatedAt, retiringAt, retireAt, retiredAt, revokedAt, hasPrivateHalf } = key;
    await manager.update(
      SigningKey,
      { kid },
      {
        ...{ state, activatedAt, retiringAt, retireAt, retiredAt, revokedAt },
        ...(!hasPrivateHalf && { privateKey: null, masterKeyId: null }),
      },
    );
  }

  private async affairs(manager: EntityManager, query: string): Promise<KeyAffairs> {
    const rows = await manager.query<Row[]>(query);
    const [moment] = await manager.query<{ now: Date; keepSeconds: number; algorithms: string[] }[]>(MOMENT);
    if (!moment) throw new Error('the validity clock is missing');
    const { now, keepSeconds, algorithms } = moment;
    const { jwksMaxAge, keyRotationAge, signingAlgorithm } = this.env;
    return {
      now,
      policy: { publishSeconds: jwksMaxAge, rotateAfterSeconds: keyRotationAge, keepSeconds },
      lines: linesOf(rows, new Set([signingAlgorithm, ...algorithms])),
    };
  }
}

export function lifeOf(row: SigningKey): KeyLife {
  const { kid, state, createdAt, activatedAt, retiringAt, retireAt, retiredAt, revokedAt, privateKey } = row;
  return {
    ...{ kid, state, createdAt, activatedAt, retiringAt, retireAt, retiredAt, revokedAt },
    hasPrivateHalf: privateKey !== null,
  };
}

/** The line of this algorithm and audience; without keys where there are none yet. */
export function lineOf({ lines }: KeyAffairs, algorithm: string, audience: string | null): KeyLine {
  const found = lines.find((line) => line.algorithm === algorithm && line.audience === audience);
  return found ?? { algorithm, audience, inUse: false, keys: [] };
}

/** One line for each algorithm and audience that has keys, or that needs one. */
function linesOf(rows: readonly Row[], inUse: ReadonlySet<string>): KeyLine[] {
  const lines = new Map<string, KeyLine & { keys: KeyLife[] }>();
  const lineOf = (algorithm: string, audience: string | null): { keys: KeyLife[] } => {
    const name = JSON.stringify([algorithm, audience]);
    const line = lines.get(name) ?? { algorithm, audience, inUse: audience === null && inUse.has(algorithm), keys: [] };
    lines.set(name, line);
    return line;
  };
  for (const algorithm of inUse) lineOf(algorithm, null);
  for (const { algorithm, audience, ...key } of rows) lineOf(algorithm, audience).keys.push(key);
  return [...lines.values()];
}

const targetOf = (kid: string): { type: string; id: string } => ({ type: 'signing_key', id: kid });

const named = ({ algorithm, audience }: Pick<KeyLine, 'algorithm' | 'audience'>): Record<string, string> => ({
  algorithm,
  ...(audience !== null && { audience }),
});
