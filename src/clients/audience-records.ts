import { Injectable } from '@nestjs/common';
import { DataSource, MoreThan, type EntityManager } from 'typeorm';
import { decodeCursor, pageOf, type Page, type PageQuery } from '../common/pagination.js';
import { notFound } from '../common/problem.js';
import { requireKnown } from '../permissions/permissions.service.js';
import { Audience } from './audience.entity.js';
import { STORED_IDENTIFIER } from './audience.pipe.js';

/** `kid` names the secret that signs now; null where the key is one that all share. */
export type AudienceWithKey = Audience & { kid: string | null };

/** Reads audiences. */
@Injectable()
export class AudienceRecords {
  constructor(private readonly dataSource: DataSource) {}

  /** In alphabetical order. */
  async list({ limit, cursor }: PageQuery): Promise<Page<AudienceWithKey>> {
    const after = decodeCursor(cursor, STORED_IDENTIFIER);
    const { manager } = this.dataSource;
    const rows = await manager.find(Audience, {
      where: after === null ? {} : { identifier: MoreThan(after) },
      order: { identifier: 'ASC' },
      take: limit + 1,
    });
    const { items, nextCursor } = pageOf(rows, limit, ({ identifier }) => identifier);
    return { items: await withKeys(manager, items), nextCursor };
  }

  async find(identifier: string, manager: EntityManager = this.dataSource.manager): Promise<AudienceWithKey | null> {
    const [audience] = await withKeys(manager, await manager.findBy(Audience, { identifier }));
    return audience ?? null;
  }

  /** @throws Problem 404 */
  async read(identifier: string, manager?: EntityManager): Promise<AudienceWithKey> {
    const audience = await this.find(identifier, manager);
    if (!audience) throw notFound('audience');
    return audience;
  }

  /**
   * Locks the audience until the transaction ends, so that what is read about it holds until the commit.
   *
   * @throws Problem 404
   */
  async lock(manager: EntityManager, identifier: string): Promise<Audience> {
    const audience = await manager.findOne(Audience, { where: { identifier }, lock: { mode: 'pessimistic_write' } });
    if (!audience) throw notFound('audience');
    return audience;
  }

  /**
   * Keeps the audiences from being deleted until the transaction ends.
   *
   * @throws Problem 400 that names each unknown one
   */
  async requireKnown(manager: EntityManager, identifiers: readonly string[]): Promise<void> {
    const found = await manager.query<{ identifier: string }[]>(
      'SELECT identifier FROM audiences WHERE identifier = ANY ($1) ORDER BY identifier FOR KEY SHARE',
      [identifiers],
    );
    requireKnown('audiences', identifiers, new Set(found.map(({ identifier }) => identifier)));
  }
}

async function withKeys(manager: EntityManager, audiences: Audience[]): Promise<AudienceWithKey[]> {
  const keys = await manager.query<{ audience: string; algorithm: string; kid: string }[]>(
    `SELECT audience, algorithm, kid FROM signing_keys WHERE state = 'active' AND audience = ANY ($1)`,
    [audiences.map(({ identifier }) => identifier)],
  );
  return audiences.map((audience) => {
    const key = keys.find((one) => one.audience === audience.identifier && one.algorithm === audience.algorithm);
    return Object.assign(audience, { kid: key?.kid ?? null });
  });
}
