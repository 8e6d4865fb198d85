import { Injectable } from '@nestjs/common';
import { DataSource, type SelectQueryBuilder } from 'typeorm';
import { UUID, decodeCursor, pageOf, type Page } from '../common/pagination.js';
import { prefixPattern } from './search-pattern.js';
import { UserRecords, type UserWithRoles } from './user-records.js';
import { User } from './user.entity.js';
import type { UsersQuery } from './users.dto.js';

/** Finds users. */
@Injectable()
export class UserDirectory {
  constructor(
    private readonly dataSource: DataSource,
    private readonly records: UserRecords,
  ) {}

  /** Oldest first: ids are made in the order of time (uuid version 7), so that pages do not shift when users are added. */
  async list(query: UsersQuery): Promise<Page<UserWithRoles>> {
    const { items, nextCursor } = pageOf(await this.matching(query).getMany(), query.limit, ({ id }) => id);
    return { items: await this.records.withRoles(this.dataSource.manager, items), nextCursor };
  }

  /** One user more than the page holds. */
  matching({ limit, cursor, search, status, role }: UsersQuery): SelectQueryBuilder<User> {
    const after = decodeCursor(cursor, UUID);
    const users = this.dataSource
      .createQueryBuilder(User, 'u')
      .orderBy('u.id')
      .limit(limit + 1);
    if (after !== null) users.andWhere('u.id > :after', { after });
    if (status !== undefined) users.andWhere('u.status = :status', { status });
    if (search) {
      users.andWhere('(lower(u.username) LIKE lower(:pattern) OR lower(u.email) LIKE lower(:pattern))', {
        pattern: prefixPattern(search),
      });
    }
    if (role !== undefined) {
      users.andWhere('EXISTS (SELECT FROM user_roles r WHERE r.user_id = u.id AND r.role_name = :role)', { role });
    }
    return users;
  }

  /** @throws Problem 404 */
  read(id: string): Promise<UserWithRoles> {
    return this.records.read(this.dataSource.manager, id);
  }
}
