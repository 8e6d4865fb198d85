import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { MasterKey } from '../common/master-key.js';
import type { Actor } from '../common/principal.js';
import { unwrapServerSecret, wrapServerSecret } from '../common/server-secrets.js';
import { unwrapTotpSecret, wrapTotpSecret } from '../common/totp-secret.js';
import { inTransaction } from '../database/transaction.js';
import { KeyRecords } from './key-records.js';
import { UnwrapError, unwrapPrivateKey, wrapPrivateKey } from './key-wrapping.js';

/** Numbers of rows. */
export interface Wrapped {
  signingKeys: number;
  serverSecrets: number;
  totpSecrets: number;
}

export interface RewrapReport {
  /** The id of the master key that everything is to be under. */
  masterKeyId: string;
  /** What this run has re-wrapped. */
  rewrapped: Wrapped;
  /** What is still under another master key. While it is not zero, the previous master key is needed. */
  left: Wrapped;
  /** Of what is left, what neither of the two master keys opens: names of keys and purposes of secrets. */
  unreadable: string[];
}

/** Where wrapped secrets are, and how each is wrapped for its name. */
interface Store {
  part: keyof Wrapped;
  table: string;
  /** The column by which a row is named, which its secret is wrapped for. */
  name: string;
  secret: string;
  wrap(masterKey: MasterKey, name: string, secret: Buffer): Buffer;
  unwrap(masterKey: MasterKey, name: string, wrapped: Buffer): Buffer;
}

const STORES: readonly Store[] = [
  {
    ...{ part: 'serverSecrets', table: 'server_secrets', name: 'purpose', secret: 'secret' },
    ...{ wrap: wrapServerSecret, unwrap: unwrapServerSecret },
  },
  {
    ...{ part: 'signingKeys', table: 'signing_keys', name: 'kid', secret: 'private_key' },
    ...{ wrap: wrapPrivateKey, unwrap: unwrapPrivateKey },
  },
  {
    ...{ part: 'totpSecrets', table: 'totp_factors', name: 'id', secret: 'secret' },
    ...{ wrap: wrapTotpSecret, unwrap: unwrapTotpSecret },
  },
];

/** Rows in one transaction: locked for some milliseconds, during which a rotation of keys waits. */
const BATCH = 100;

interface Row {
  name: string;
  secret: Buffer;
}

/**
 * Brings everything that is wrapped under the previous master key under the present one, while instances run: they hold what they need unwrapped. It may
 * be run by several at once, and again after a crash, for each batch is done whole or not at all.
 */
@Injectable()
export class MasterKeyRewrap {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly masterKey: MasterKey,
    private readonly records: KeyRecords,
    private readonly audit: AuditService,
  ) {}

  async run(actor: Actor): Promise<RewrapReport> {
    const rewrapped: Wrapped = { signingKeys: 0, serverSecrets: 0, totpSecrets: 0 };
    const unreadable: string[] = [];
    for (const store of STORES) {
      let after: string | null = '';
      while (after !== null) {
        const batch = await this.batch(store, after, actor);
        rewrapped[store.part] += batch.done;
        unreadable.push(...batch.unreadable);
        after = batch.last;
      }
    }
    return { masterKeyId: this.masterKey.id, rewrapped, left: await this.left(), unreadable };
  }

  /** How much is still under another master key. */
  async left(): Promise<Wrapped> {
    const counts: Wrapped = { signingKeys: 0, serverSecrets: 0, totpSecrets: 0 };
    for (const { part, table, secret } of STORES) {
      const [row] = await this.dataSource.query<{ count: number }[]>(
        `SELECT count(*)::integer AS count FROM ${table} WHERE ${secret} IS NOT NULL AND master_key_id IS DISTINCT FROM $1`,
        [this.masterKey.id],
      );
      counts[part] = row?.count ?? 0;
    }
    return counts;
  }

  /** The next rows by name; `last` is the last of them, or null when there are no more. */
  private batch(
    store: Store,
    after: string,
    actor: Actor,
  ): Promise<{ done: number; unreadable: string[]; last: string | null }> {
    return inTransaction(this.dataSource, async (manager) => {
      // Whoever comes second waits here, and then finds what is left; so does a rotation, whose rows these are as well.
      await this.records.lock(manager);
      // Or the triggers take the secrets of apps for new ones, and end the sessions of their users.
      await manager.query(`SET LOCAL portcullis.rewrap = 'on'`);
      const rows = await this.next(manager, store, after);
      const unreadable: string[] = [];
      for (const row of rows) if (!(await this.rewrap(manager, store, row))) unreadable.push(row.name);
      const done = rows.length - unreadable.length;
      if (done > 0) {
        const target = { type: 'master_key', id: this.masterKey.id };
        const details = { [store.part]: done };
        await this.audit.record(manager, { action: 'master_key.rewrapped', actor, target, details });
      }
      return { done, unreadable, last: rows.length < BATCH ? null : (rows.at(-1)?.name ?? null) };
    });
  }

  private next(manager: EntityManager, { table, name, secret }: Store, after: string): Promise<Row[]> {
    return manager.query<Row[]>(
      `SELECT ${name}::text AS name, ${secret} AS secret FROM ${table}
       WHERE ${secret} IS NOT NULL AND master_key_id IS DISTINCT FROM $1 AND ${name}::text > $2
       ORDER BY ${name}::text LIMIT ${BATCH} FOR UPDATE`,
      [this.masterKey.id, after],
    );
  }

  private async rewrap(manager: EntityManager, store: Store, { name, secret }: Row): Promise<boolean> {
    try {
      const wrapped = store.wrap(this.masterKey, name, store.unwrap(this.masterKey, name, secret));
      await manager.query(
        `UPDATE ${store.table} SET ${store.secret} = $2, master_key_id = $3 WHERE ${store.name}::text = $1`,
        [name, wrapped, this.masterKey.id],
      );
      return true;
    } catch (error) {
      if (error instanceof UnwrapError) return false;
      throw error;
    }
  }
}
