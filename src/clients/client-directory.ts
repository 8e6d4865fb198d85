import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { decodeCursor, pageOf, type Page, type PageQuery } from '../common/pagination.js';
import { prepared } from '../database/prepared.js';
import { STORED_CLIENT_ID } from './client-id.js';
import { ClientRecords, type ClientWithRights } from './client-records.js';
import { Client } from './client.entity.js';
import type { RegisteredKey } from './registered-keys.js';

/** What a client is authenticated by, and the epoch that a token minted on the strength of it belongs to. */
export interface ClientCredentials {
  clientId: string;
  name: string;
  status: Client['status'];
  epoch: string;
  /** SHA-256 of each secret that has not expired. */
  secretHashes: Buffer[];
  jwks: { keys: RegisteredKey[] } | null;
  permissions: string[];
  /** The registered audiences that it may have tokens for; the issuer, for whom it always may, is not among them. */
  audiences: string[];
}

/** One statement: the epoch and the credentials belong together only when one snapshot shows them both. */
const CREDENTIALS = `
SELECT c.client_id AS "clientId", c.name, c.status, c.epoch, c.jwks,
  ARRAY(SELECT s.hash FROM client_secrets s
    WHERE s.client_id = c.client_id AND (s.expires_at IS NULL OR s.expires_at > clock_timestamp())) AS "secretHashes",
  ARRAY(SELECT p.permission_name FROM client_permissions p WHERE p.client_id = c.client_id ORDER BY 1) AS permissions,
  ARRAY(SELECT a.audience FROM client_audiences a WHERE a.client_id = c.client_id ORDER BY 1) AS audiences
FROM clients c WHERE c.client_id = $1`;

/** Microseconds since 1970, which is more than a Date holds, and the id. */
const CURSOR = /^\d{1,16} [A-Za-z0-9._-]{1,128}$/;

/** Finds clients, for administrators and for the rooms that authenticate them. */
@Injectable()
export class ClientDirectory {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly records: ClientRecords,
  ) {}

  /** Null for an unknown client. A disabled one has credentials too: its status says that they are worth nothing. */
  async credentialsOf(clientId: string): Promise<ClientCredentials | null> {
    if (!STORED_CLIENT_ID.test(clientId)) return null;
    const [found] = await prepared<ClientCredentials>(this.dataSource, this.env, 'clients.credentials', CREDENTIALS, [
      clientId,
    ]);
    return found ?? null;
  }

  /** What a client holds, which stays so until the transaction ends; null for an unknown client. */
  async permissionsOf(manager: EntityManager, clientId: string): Promise<string[] | null> {
    const found = await manager.query<unknown[]>('SELECT FROM clients WHERE client_id = $1 FOR SHARE', [clientId]);
    return found.length === 0 ? null : this.heldBy(manager, clientId);
  }

  /** What a client holds at the moment; nothing for an unknown one. */
  async heldBy(manager: EntityManager, clientId: string): Promise<string[]> {
    const held = await manager.query<{ name: string }[]>(
      'SELECT permission_name AS name FROM client_permissions WHERE client_id = $1 ORDER BY 1',
      [clientId],
    );
    return held.map(({ name }) => name);
  }

  /** Oldest first. */
  async list({ limit, cursor }: PageQuery): Promise<Page<ClientWithRights>> {
    const after = decodeCursor(cursor, CURSOR);
    const query = this.dataSource
      .createQueryBuilder(Client, 'c')
      .addSelect('(extract(epoch FROM c.created_at) * 1000000)::bigint', 'position')
      .orderBy('c.createdAt')
      .addOrderBy('c.clientId')
      .limit(limit + 1);
    if (after !== null) {
      const [position, clientId] = after.split(' ');
      query.where(`(c.created_at, c.client_id) > (${MOMENT}, :clientId)`, { position, clientId });
    }
    const { raw, entities } = await query.getRawAndEntities<{ position: string }>();
    const rows = entities.map((client, index) => ({ client, position: raw[index]?.position ?? '' }));
    const { items, nextCursor } = pageOf(rows, limit, ({ client, position }) => `${position} ${client.clientId}`);
    const clients = items.map(({ client }) => client);
    return { items: await this.records.withRights(this.dataSource.manager, clients), nextCursor };
  }

  /** @throws Problem 404 */
  read(clientId: string): Promise<ClientWithRights> {
    return this.records.read(this.dataSource.manager, clientId);
  }
}

const MOMENT = `timestamptz 'epoch' + CAST(:position AS float8) * interval '1 microsecond'`;
