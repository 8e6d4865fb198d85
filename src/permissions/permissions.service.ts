import { Injectable } from '@nestjs/common';
import { In, type EntityManager } from 'typeorm';
import { conflict, forbidden, invalidFields } from '../common/problem.js';
import type { Actor } from '../common/principal.js';
import { ADMIN_ROLE, BUILT_IN_PERMISSIONS } from './built-in.js';
import { DeniedAttempts } from './denied-attempts.js';
import { lacking } from './privileges.js';
import { changeOf, type SetChange } from './set-change.js';
import { UserRole } from './user-role.entity.js';

/**
 * Who holds what, and who may change that. Every method runs in the caller's transaction.
 *
 * Rows are locked in one order, here and by every caller, so that no two changes wait for each other: permissions (by name), the role
 * `admin`, other roles (by name), the user, audiences (by identifier), clients (by id); the validity clock comes last by itself, at commit.
 */
@Injectable()
export class PermissionsService {
  constructor(private readonly denied: DeniedAttempts) {}

  /** Role names by user id, in alphabetical order; users without a role are absent. */
  async rolesOf(manager: EntityManager, userIds: readonly string[]): Promise<Map<string, string[]>> {
    if (userIds.length === 0) return new Map();
    const rows = await manager.find(UserRole, { where: { userId: In(userIds) }, order: { roleName: 'ASC' } });
    const roles = new Map<string, string[]>();
    for (const { userId, roleName } of rows) roles.set(userId, [...(roles.get(userId) ?? []), roleName]);
    return roles;
  }

  async permissionsOfUser(manager: EntityManager, userId: string): Promise<Set<string>> {
    const rows = await manager.query<{ name: string }[]>(
      `SELECT DISTINCT rp.permission_name AS name
         FROM user_roles ur JOIN role_permissions rp USING (role_name) WHERE ur.user_id = $1`,
      [userId],
    );
    return new Set(rows.map(({ name }) => name));
  }

  /**
   * Keeps the permissions from being deleted until the transaction ends.
   *
   * @throws Problem 400 that names each unknown one
   */
  async lockPermissions(manager: EntityManager, names: readonly string[]): Promise<void> {
    const found = await manager.query<{ name: string }[]>(
      'SELECT name FROM permissions WHERE name = ANY ($1) ORDER BY name FOR KEY SHARE',
      [names],
    );
    requireKnown('permissions', names, new Set(found.map(({ name }) => name)));
  }

  /**
   * What each of the roles holds; unknown ones are absent. They stay locked FOR SHARE until the transaction ends, so that no role gets
   * more permissions between the check and the commit.
   */
  async permissionsOfRoles(manager: EntityManager, roleNames: readonly string[]): Promise<Map<string, Set<string>>> {
    if (roleNames.length === 0) return new Map();
    const found = await manager.query<{ name: string }[]>(
      'SELECT name FROM roles WHERE name = ANY ($1) ORDER BY name <> $2, name FOR SHARE',
      [roleNames, ADMIN_ROLE],
    );
    // A second statement: the first one saw the permissions as they were before it waited for the locks.
    const held = await manager.query<{ role: string; permission: string }[]>(
      'SELECT role_name AS role, permission_name AS permission FROM role_permissions WHERE role_name = ANY ($1)',
      [roleNames],
    );
    const permissions = new Map(found.map(({ name }) => [name, new Set<string>()]));
    for (const { role, permission } of held) permissions.get(role)?.add(permission);
    return permissions;
  }

  /**
   * Makes `roleNames` the roles of the user, by deleting only what goes (that ends access tokens) and inserting only what comes. The actor
   * must hold what the user holds and what the new roles hold.
   *
   * To keep the lock order, the caller has called {@link lockForRoles} before it locked the user.
   *
   * @throws Problem 400 for an unknown role, 403, 409 `last_admin`
   */
  async setUserRoles(
    manager: EntityManager,
    actor: Actor,
    userId: string,
    roleNames: readonly string[],
  ): Promise<SetChange> {
    const permissions = await this.permissionsOfRoles(manager, roleNames);
    requireKnown('roles', roleNames, permissions);
    const change = changeOf((await this.rolesOf(manager, [userId])).get(userId) ?? [], roleNames);
    await this.requireMayTouchUser(manager, actor, userId);
    this.requireMayGrant(
      actor,
      change.added.flatMap((role) => [...(permissions.get(role) ?? [])]),
    );
    if (change.removed.includes(ADMIN_ROLE)) await this.assertNotLastAdmin(manager, userId);
    if (change.removed.length > 0) await manager.delete(UserRole, { userId, roleName: In(change.removed) });
    await manager.insert(
      UserRole,
      change.added.map((roleName) => ({ userId, roleName })),
    );
    return change;
  }

  /** The locks that giving a user these roles takes, before the user's own. Without `admin` among them it may be a demotion. */
  async lockForRoles(manager: EntityManager, roleNames: readonly string[]): Promise<void> {
    if (!roleNames.includes(ADMIN_ROLE)) await this.lockAdmins(manager);
    await this.permissionsOfRoles(manager, roleNames);
  }

  /**
   * Whoever is about to demote, disable or delete a user takes this lock before the user's: it makes those changes wait for each other,
   * so that each counts the admins that the one before it left.
   */
  async lockAdmins(manager: EntityManager): Promise<void> {
    await manager.query('SELECT FROM roles WHERE name = $1 FOR UPDATE', [ADMIN_ROLE]);
  }

  /** @throws Problem 409 `last_admin` when nobody else is both active and an admin, and this user is */
  async assertNotLastAdmin(manager: EntityManager, userId: string): Promise<void> {
    await this.lockAdmins(manager);
    const [admins] = await manager.query<{ this_one: boolean; others: boolean }[]>(
      `SELECT coalesce(bool_or(u.id = $1), false) AS this_one, coalesce(bool_or(u.id <> $1), false) AS others
         FROM user_roles ur JOIN users u ON u.id = ur.user_id WHERE ur.role_name = $2 AND u.status = 'active'`,
      [userId, ADMIN_ROLE],
    );
    if (admins?.this_one && !admins.others) {
      throw conflict('last_admin', 'This is the last active admin. Make someone else an admin first.');
    }
  }

  /** @throws Problem 403 when the actor does not hold what they are about to give to someone (see `privileges.ts`) */
  requireMayGrant(actor: Actor, permissions: Iterable<string>): void {
    const missing = lacking(actor, permissions);
    if (missing.length === 0) return;
    this.denied.note({ actor, target: { type: 'privilege', id: 'grant' }, missing });
    throw forbidden(`You cannot grant ${missing.join(', ')}: you do not hold it yourself.`);
  }

  /** @throws Problem 403 when the actor does not hold what someone or something holds that they are about to change */
  requireMayTouch(actor: Actor, target: { type: string; id: string }, permissions: Iterable<string>): void {
    const missing = lacking(actor, permissions);
    if (missing.length === 0) return;
    this.denied.note({ actor, target, missing });
    throw forbidden(`This ${target.type} holds ${missing.join(', ')}, which you do not hold yourself.`);
  }

  /**
   * For what gives its owner every permission there is, somewhere.
   *
   * @throws Problem 403 when the actor lacks one of the built-in permissions; whoever holds these is an administrator (see `privileges.ts`)
   */
  requireAdministrator(actor: Actor, target: { type: string; id: string }, detail: string): void {
    const missing = lacking(actor, BUILT_IN_PERMISSIONS);
    if (missing.length === 0) return;
    this.denied.note({ actor, target, missing });
    throw forbidden(detail);
  }

  /** @throws Problem 403 when the user holds permissions that the actor lacks. Read it with the user's row locked. */
  async requireMayTouchUser(manager: EntityManager, actor: Actor, userId: string): Promise<void> {
    this.requireMayTouch(actor, { type: 'user', id: userId }, await this.permissionsOfUser(manager, userId));
  }
}

/** @throws Problem 400 that names each unknown one by its place in the request */
export function requireKnown(field: string, names: readonly string[], known: { has(name: string): boolean }): void {
  const errors = names.flatMap((name, index) =>
    known.has(name) ? [] : [{ field: `${field}.${index.toString()}`, message: 'does not exist' }],
  );
  if (errors.length > 0) throw invalidFields(errors);
}
