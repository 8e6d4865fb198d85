import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { AuditService } from '../audit/audit.service.js';
import { hintOf, violatedUnique } from '../common/database-errors.js';
import { requireMatch } from '../common/etag.js';
import type { Actor } from '../common/principal.js';
import { conflict, forbidden } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import type { Notice } from '../mail/notice-templates.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import { PasswordHasher } from './password-hasher.js';
import { PasswordPolicy } from './password-policy.js';
import { SecurityNotices } from './security-notices.js';
import { UserRecords, type UserWithRoles } from './user-records.js';
import { User, type UserStatus } from './user.entity.js';
import type { CreateUserDto, UpdateUserDto } from './users.dto.js';

/** Well below the time limit of a statement, on a slow disk too. */
const ADDRESSES_AT_ONCE = 5_000;

/** Which user to change, on whose behalf, and which version of it the client has read. */
export interface Change {
  actor: Actor;
  id: string;
  ifMatch: string | undefined;
}

/**
 * What administrators do to users. Each change locks the user's row, and the roles that it depends on before that (the order is in
 * `PermissionsService`). Passwords are hashed before the transaction, since that takes long.
 */
@Injectable()
export class UserAdministration {
  constructor(
    private readonly dataSource: DataSource,
    private readonly records: UserRecords,
    private readonly permissions: PermissionsService,
    private readonly policy: PasswordPolicy,
    private readonly hasher: PasswordHasher,
    private readonly notices: SecurityNotices,
    private readonly audit: AuditService,
  ) {}

  /** @throws Problem 400, 403, 409 `username_taken`, `email_taken`, `username_quarantined` or `email_quarantined`, 503 */
  async create(actor: Actor, { password, roles = [], ...given }: CreateUserDto): Promise<UserWithRoles> {
    if (password !== undefined) await this.policy.require(password, given);
    const passwordHash = password === undefined ? null : await this.hasher.hash(password);
    const id = uuidv7();
    return this.write(async (manager) => {
      await this.permissions.permissionsOfRoles(manager, roles);
      await manager.insert(User, { id, ...given, passwordHash });
      await this.permissions.setUserRoles(manager, actor, id, roles);
      await this.record(manager, 'user.created', actor, id, { roles });
      return this.records.read(manager, id);
    });
  }

  /** @throws Problem 400, 403, 404, 409 `username_taken`, `email_taken`, `username_quarantined` or `email_quarantined`, 412, 503 */
  async update(change: Change, { password, ...given }: UpdateUserDto): Promise<UserWithRoles> {
    // Or whoever steals an administrator's token could keep the account.
    if (password !== undefined && change.actor.id === change.id) {
      throw forbidden('Your own password is changed by POST /v1/auth/password/change, which asks for the current one.');
    }
    const passwordHash = password === undefined ? undefined : await this.newHash(change.id, password, given);
    return this.change(change, async (manager, user) => {
      const changed = changedFields(user, given);
      // The same: a mail to another address sets another password.
      if ('email' in changed && change.actor.id === user.id)
        throw forbidden('Your own address is changed by POST /v1/auth/email/change, which asks for your password.');
      const values = { ...changed, ...(passwordHash !== undefined && { passwordHash }) };
      if (Object.keys(values).length === 0) return;
      await manager.update(User, { id: user.id }, values);
      const fields = [...Object.keys(changed), ...(passwordHash === undefined ? [] : ['password'])];
      await this.record(manager, 'user.updated', change.actor, user.id, { fields });
      await this.tell(manager, change.actor, user, fields);
    });
  }

  /** What somebody logs in with, or is found by. The address is the one before: whoever sets another one and then a password must not be unseen. */
  private async tell(
    manager: EntityManager,
    actor: Actor,
    { id: userId, email: to }: User,
    fields: readonly string[],
  ): Promise<void> {
    for (const field of fields) {
      const notice = NOTICES[field];
      if (notice !== undefined) await this.notices.tell(manager, { notice, userId, actor, to });
    }
  }

  /** Ends every session and token of the user. @throws Problem 403, 404, 409 `last_admin`, 412 */
  disable(change: Change): Promise<UserWithRoles> {
    return this.setStatus(change, 'disabled', 'user.disabled');
  }

  /** @throws Problem 403, 404, 412 */
  enable(change: Change): Promise<UserWithRoles> {
    return this.setStatus(change, 'active', 'user.enabled');
  }

  /** @throws Problem 400 for an unknown role, 403, 404, 409 `last_admin`, 412 */
  setRoles(change: Change, roles: readonly string[]): Promise<UserWithRoles> {
    return this.change(
      change,
      async (manager, user) => {
        const { added, removed } = await this.permissions.setUserRoles(manager, change.actor, user.id, roles);
        if (added.length + removed.length === 0) return;
        // The roles are part of what the entity tag stands for.
        await manager.update(User, { id: user.id }, { updatedAt: () => 'clock_timestamp()' });
        await this.record(manager, 'user.roles_set', change.actor, user.id, { added, removed });
      },
      (manager) => this.permissions.lockForRoles(manager, roles),
    );
  }

  /**
   * A long trail takes several transactions, none of which holds up others for long: whoever is broken off in between asks again.
   *
   * @throws Problem 403, 404, 409 `last_admin`, 412
   */
  async delete(change: Change): Promise<void> {
    while (!(await this.write((manager) => this.deleteOnceForgotten(manager, change)))) continue;
  }

  /** @returns whether the user is deleted: not while there are as many addresses of theirs in the audit trail as one transaction may erase */
  private async deleteOnceForgotten(manager: EntityManager, { actor, id, ifMatch }: Change): Promise<boolean> {
    await this.permissions.lockAdmins(manager);
    const user = await this.lock(manager, { actor, id, ifMatch });
    await this.permissions.assertNotLastAdmin(manager, user.id);
    const [erased] = await manager.query<{ forgotten: number }[]>('SELECT forget_addresses($1, $2)::int AS forgotten', [
      user.id,
      ADDRESSES_AT_ONCE,
    ]);
    if (erased?.forgotten === ADDRESSES_AT_ONCE) return false;
    await manager.delete(User, { id: user.id });
    await this.record(manager, 'user.deleted', actor, user.id, { roles: user.roles });
    return true;
  }

  private setStatus(change: Change, status: UserStatus, action: string): Promise<UserWithRoles> {
    const disables = status === 'disabled';
    return this.change(
      change,
      async (manager, user) => {
        if (user.status === status) return;
        if (disables) await this.permissions.assertNotLastAdmin(manager, user.id);
        await manager.update(User, { id: user.id }, { status });
        await this.record(manager, action, change.actor, user.id);
      },
      disables ? (manager) => this.permissions.lockAdmins(manager) : undefined,
    );
  }

  private async newHash(
    id: string,
    password: string,
    { username, email, displayName }: Pick<UpdateUserDto, 'username' | 'email' | 'displayName'>,
  ): Promise<string> {
    const user = await this.records.read(this.dataSource.manager, id);
    await this.policy.require(password, {
      username: username ?? user.username,
      email: email ?? user.email,
      displayName: displayName ?? user.displayName,
    });
    return this.hasher.hash(password);
  }

  /** @param lockFirst takes the locks that come before the user's */
  private change(
    change: Change,
    work: (manager: EntityManager, user: UserWithRoles) => Promise<void>,
    lockFirst?: (manager: EntityManager) => Promise<void>,
  ): Promise<UserWithRoles> {
    return this.write(async (manager) => {
      await lockFirst?.(manager);
      const user = await this.lock(manager, change);
      await work(manager, user);
      return this.records.read(manager, user.id);
    });
  }

  /** The user to be changed, once it is certain that this actor may change this version of it. */
  private async lock(manager: EntityManager, { actor, id, ifMatch }: Change): Promise<UserWithRoles> {
    const user = await this.records.lock(manager, id);
    await this.permissions.requireMayTouchUser(manager, actor, user.id);
    requireMatch(ifMatch, user.version);
    return user;
  }

  private async write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await inTransaction(this.dataSource, work);
    } catch (error) {
      const field = UNIQUE_FIELDS[violatedUnique(error) ?? ''];
      if (field === undefined) throw error;
      if (hintOf(error) === 'quarantined')
        throw conflict(`${field}_quarantined`, `This ${field} was somebody else's a short time ago.`, [
          { field, message: 'is kept for some time from all but its former user' },
        ]);
      throw conflict(`${field}_taken`, `Someone else has this ${field} already.`, [{ field, message: 'is taken' }]);
    }
  }

  private async record(
    manager: EntityManager,
    action: string,
    actor: Actor,
    id: string,
    details: Record<string, unknown> = {},
  ): Promise<void> {
    await this.audit.record(manager, { action, actor, target: { type: 'user', id }, details });
  }
}

/** The fields of `given` that differ from those of the user. */
function changedFields(user: User, given: Partial<User>): Partial<User> {
  const entries: [string, unknown][] = Object.entries(given);
  return Object.fromEntries(
    entries.filter(([field, value]) => value !== undefined && value !== user[field as keyof User]),
  );
}

const NOTICES: Record<string, Notice> = {
  username: 'username-changed',
  email: 'email-changed',
  password: 'password-changed-by-administrator',
};

const UNIQUE_FIELDS: Record<string, 'username' | 'email'> = {
  users_username_key: 'username',
  users_username_quarantined: 'username',
  users_email_key: 'email',
};
