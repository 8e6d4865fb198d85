import { Injectable } from '@nestjs/common';
import { DataSource, In, MoreThan, type EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { violatedUnique } from '../common/database-errors.js';
import { requireMatch } from '../common/etag.js';
import { decodeCursor, pageOf, type Page, type PageQuery } from '../common/pagination.js';
import type { Actor } from '../common/principal.js';
import { conflict, notFound } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { STORED_NAME } from './names.js';
import { PermissionsService } from './permissions.service.js';
import { RolePermission } from './role-permission.entity.js';
import { Role } from './role.entity.js';
import type { CreateRoleDto, UpdateRoleDto } from './roles.dto.js';
import { changeOf, isUnchanged } from './set-change.js';

export type RoleWithPermissions = Role & { permissions: string[] };

/** Roles as administrators see them. A change locks the role, so that checks made in it hold until it is committed. */
@Injectable()
export class RolesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly privileges: PermissionsService,
    private readonly audit: AuditService,
  ) {}

  /** In alphabetical order. */
  async list({ limit, cursor }: PageQuery): Promise<Page<RoleWithPermissions>> {
    const after = decodeCursor(cursor, STORED_NAME);
    const { manager } = this.dataSource;
    const rows = await manager.find(Role, {
      where: after === null ? {} : { name: MoreThan(after) },
      order: { name: 'ASC' },
      take: limit + 1,
    });
    const { items, nextCursor } = pageOf(rows, limit, ({ name }) => name);
    return { items: await withPermissions(manager, items), nextCursor };
  }

  /** @throws Problem 404 */
  async read(name: string, manager: EntityManager = this.dataSource.manager): Promise<RoleWithPermissions> {
    const [role] = await withPermissions(manager, await manager.findBy(Role, { name }));
    if (!role) throw notFound('role');
    return role;
  }

  /** @throws Problem 400 for an unknown permission, 403, 409 `name_taken` */
  async create(actor: Actor, { name, description = null, permissions }: CreateRoleDto): Promise<RoleWithPermissions> {
    try {
      return await inTransaction(this.dataSource, async (manager) => {
        await this.privileges.lockPermissions(manager, permissions);
        this.privileges.requireMayGrant(actor, permissions);
        await manager.insert(Role, { name, description });
        await addPermissions(manager, name, permissions);
        await this.record(manager, actor, 'role.created', name, { permissions });
        return this.read(name, manager);
      });
    } catch (error) {
      if (violatedUnique(error) !== 'roles_pkey') throw error;
      throw conflict('name_taken', 'There is such a role already.', [{ field: 'name', message: 'is taken' }]);
    }
  }

  /** @throws Problem 404, 409 `built_in`, 403, 412 */
  async update(
    actor: Actor,
    name: string,
    { description }: UpdateRoleDto,
    ifMatch?: string,
  ): Promise<RoleWithPermissions> {
    return inTransaction(this.dataSource, async (manager) => {
      const role = await this.lock(manager, actor, name, ifMatch);
      if (description === undefined || description === role.description) return role;
      await manager.update(Role, { name }, { description });
      await this.record(manager, actor, 'role.updated', name, { fields: ['description'] });
      return this.read(name, manager);
    });
  }

  /**
   * Deletes only what goes, since each deleted row strips a permission from tokens, and inserts only what comes.
   *
   * @throws Problem 400 for an unknown permission, 404, 409 `built_in`, 403, 412
   */
  async setPermissions(
    actor: Actor,
    name: string,
    permissions: readonly string[],
    ifMatch?: string,
  ): Promise<RoleWithPermissions> {
    return inTransaction(this.dataSource, async (manager) => {
      await this.privileges.lockPermissions(manager, permissions);
      const role = await this.lock(manager, actor, name, ifMatch);
      const change = changeOf(role.permissions, permissions);
      this.privileges.requireMayGrant(actor, change.added);
      if (isUnchanged(change)) return role;
      if (change.removed.length > 0) {
        await manager.delete(RolePermission, { roleName: name, permissionName: In(change.removed) });
      }
      await addPermissions(manager, name, change.added);
      await manager.update(Role, { name }, { updatedAt: () => 'clock_timestamp()' });
      await this.record(manager, actor, 'role.permissions_set', name, { ...change });
      return this.read(name, manager);
    });
  }

  /** @throws Problem 404, 409 `built_in`, 403, 412 */
  async delete(actor: Actor, name: string, ifMatch?: string): Promise<void> {
    await inTransaction(this.dataSource, async (manager) => {
      const { permissions } = await this.lock(manager, actor, name, ifMatch);
      await manager.delete(Role, { name });
      await this.record(manager, actor, 'role.deleted', name, { permissions });
    });
  }

  /** The role to be changed, once it is certain that this actor may change this version of it. */
  private async lock(
    manager: EntityManager,
    actor: Actor,
    name: string,
    ifMatch: string | undefined,
  ): Promise<RoleWithPermissions> {
    const locked = await manager.findOne(Role, { where: { name }, lock: { mode: 'pessimistic_write' } });
    if (!locked) throw notFound('role');
    if (locked.builtIn) throw conflict('built_in', 'A built-in role can be neither changed nor deleted.');
    const role = await this.read(name, manager);
    this.privileges.requireMayTouch(actor, { type: 'role', id: name }, role.permissions);
    requireMatch(ifMatch, role.version);
    return role;
  }

  private async record(
    manager: EntityManager,
    actor: Actor,
    action: string,
    name: string,
    details: Record<string, unknown>,
  ): Promise<void> {
    await this.audit.record(manager, { action, actor, target: { type: 'role', id: name }, details });
  }
}

async function addPermissions(manager: EntityManager, roleName: string, names: readonly string[]): Promise<void> {
  await manager.insert(
    RolePermission,
    names.map((permissionName) => ({ roleName, permissionName })),
  );
}

async function withPermissions(manager: EntityManager, roles: Role[]): Promise<RoleWithPermissions[]> {
  const held = await manager.find(RolePermission, {
    where: { roleName: In(roles.map(({ name }) => name)) },
    order: { permissionName: 'ASC' },
  });
  return roles.map((role) => {
    const ofRole = held.filter(({ roleName }) => roleName === role.name);
    return Object.assign(role, { permissions: ofRole.map(({ permissionName }) => permissionName) });
  });
}
