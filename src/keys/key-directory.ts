import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { FindOptionsSelect, Repository } from 'typeorm';
import { decodeCursor, pageOf, type Page, type PageQuery } from '../common/pagination.js';
import { notFound } from '../common/problem.js';
import { KID } from './kid.pipe.js';
import { SigningKey } from './signing-key.entity.js';

/** Everything but the private half. */
const SHOWN = {
  kid: true,
  algorithm: true,
  audience: true,
  state: true,
  origin: true,
  publicJwk: true,
  createdAt: true,
  activatedAt: true,
  retiringAt: true,
  retireAt: true,
  retiredAt: true,
  revokedAt: true,
} as const satisfies FindOptionsSelect<SigningKey>;

/** What is known of a key, to those who may look. */
export type ShownKey = Pick<SigningKey, keyof typeof SHOWN>;

/** Looks keys up for people. */
@Injectable()
export class KeyDirectory {
  constructor(@InjectRepository(SigningKey) private readonly keys: Repository<SigningKey>) {}

  /** All keys there ever were, newest first. Keys are never deleted, so that a kid alone tells where a page ended. */
  async list({ limit, cursor }: PageQuery): Promise<Page<ShownKey>> {
    const after = decodeCursor(cursor, KID);
    const keys = this.keys
      .createQueryBuilder('k')
      .select(Object.keys(SHOWN).map((column) => `k.${column}`))
      .orderBy({ 'k.createdAt': 'DESC', 'k.kid': 'DESC' })
      .limit(limit + 1);
    if (after !== null) {
      keys.where('(k.created_at, k.kid) < (SELECT created_at, kid FROM signing_keys WHERE kid = :after)', { after });
    }
    return pageOf(await keys.getMany(), limit, ({ kid }) => kid);
  }

  /** @throws Problem 404 */
  async read(kid: string): Promise<ShownKey> {
    const key = await this.keys.findOne({ select: SHOWN, where: { kid } });
    if (!key) throw notFound('key');
    return key;
  }
}
