import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { notFound } from '../common/problem.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import { User } from './user.entity.js';

export type UserWithRoles = User & { roles: string[] };

/** Reads users together with their roles. */
@Injectable()
export class UserRecords {
  constructor(private readonly permissions: PermissionsService) {}

  /** @throws Problem 404 */
  async read(manager: EntityManager, id: string): Promise<UserWithRoles> {
    const [user] = await this.withRoles(manager, await manager.findBy(User, { id }));
    if (!user) throw notFound('user');
    return user;
  }

  /**
   * Reads a user and locks the row until the transaction ends. What is read about the user after that holds until the commit.
   *
   * @throws Problem 404
   */
  async lock(manager: EntityManager, id: string): Promise<UserWithRoles> {
    const locked = await manager.findOne(User, { where: { id }, lock: { mode: 'pessimistic_write' } });
    const [user] = await this.withRoles(manager, locked ? [locked] : []);
    if (!user) throw notFound('user');
    return user;
  }

  async withRoles(manager: EntityManager, users: User[]): Promise<UserWithRoles[]> {
    const roles = await this.permissions.rolesOf(
      manager,
      users.map(({ id }) => id),
    );
    return users.map((user) => Object.assign(user, { roles: roles.get(user.id) ?? [] }));
  }
}
