import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, In, MoreThan, type EntityManager, type Repository } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { violatedUnique } from '../common/database-errors.js';
import { decodeCursor, pageOf, type Page, type PageQuery } from '../common/pagination.js';
import type { Actor } from '../common/principal.js';
import { conflict, notFound } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { ADMIN_ROLE } from './built-in.js';
import { STORED_NAME } from './names.js';
import { Permission } from './permission.entity.js';
import type { CreatePermissionDto } from './permissions.dto.js';
import { PermissionsService } from './permissions.service.js';
import { RolePermission } from './role-permission.entity.js';
import { Role } from './role.entity.js';

/** The permissions that exist: the built-in ones, and those that teams add for their own services. */
@Injectable()
export class PermissionCatalogue {
  constructor(
    private readonly dataSource: DataSource,
    @InjectRepository(Permission) private readonly permissions: Repository<Permission>,
    private readonly privileges: PermissionsService,
    private readonly audit: AuditService,
  ) {}

  /** In alphabetical order. */
  async list({ limit, cursor }: PageQuery): Promise<Page<Permission>> {
    const after = decodeCursor(cursor, STORED_NAME);
    const rows = await this.permissions.find({
      where: after === null ? {} : { name: MoreThan(after) },
      order: { name: 'ASC' },
      take: limit + 1,
    });
    return pageOf(rows, limit, ({ name }) => name);
  }

  /**
   * The role `admin` gets it at once, since that one holds everything.
   *
   * @throws Problem 409 `name_taken`, `too_many_permissions`
   */
  async create(actor: Actor, { name, description = null }: CreatePermissionDto): Promise<Permission> {
    try {
      return await inTransaction(this.dataSource, async (manager) => {
        await requireRoom(manager, name);
        await manager.insert(Permission, { name, description });
        await this.lockRoles(manager, [ADMIN_ROLE]);
        await manager.insert(RolePermission, { roleName: ADMIN_ROLE, permissionName: name });
        await countUp(manager, [ADMIN_ROLE]);
        await this.audit.record(manager, {
          action: 'permission.created',
          actor,
          target: { type: 'permission', id: name },
        });
        return manager.findOneByOrFail(Permission, { name });
      });
    } catch (error) {
      if (violatedUnique(error) !== 'permissions_pkey') throw error;
      throw conflict('name_taken', 'There is such a permission already.', [{ field: 'name', message: 'is taken' }]);
    }
  }

  /**
   * Takes it from every role and every client that holds it.
   *
   * @throws Problem 404, 409 `built_in`, 403 when one of those roles or clients holds more than the actor
   */
  async delete(actor: Actor, name: string): Promise<void> {
    await inTransaction(this.dataSource, async (manager) => {
      const permission = await manager.findOne(Permission, { where: { name }, lock: { mode: 'pessimistic_write' } });
      if (!permission) throw notFound('permission');
      if (permission.builtIn) throw conflict('built_in', 'A built-in permission cannot be deleted.');

      const holders = await manager.findBy(RolePermission, { permissionName: name });
      const roles = await this.lockRoles(
        manager,
        holders.map(({ roleName }) => roleName),
      );
      // Of the built-in roles only `admin` can hold it, and that one is not the actor's choice.
      for (const role of roles.filter(({ builtIn }) => !builtIn)) {
        const held = await manager.findBy(RolePermission, { roleName: role.name });
        this.privileges.requireMayTouch(
          actor,
          { type: 'role', id: role.name },
          held.map(({ permissionName }) => permissionName),
        );
      }
      const roleNames = roles.map((role) => role.name);
      const clientIds = await this.lockClients(manager, actor, name);
      await manager.delete(Permission, { name });
      await countUp(manager, roleNames);
      await manager.query('UPDATE clients SET updated_at = clock_timestamp() WHERE client_id = ANY ($1)', [clientIds]);
      await this.audit.record(manager, {
        action: 'permission.deleted',
        actor,
        target: { type: 'permission', id: name },
        details: { roles: roleNames, clients: clientIds },
      });
    });
  }

  /** The clients that hold the permission, once it is certain that the actor may change them. */
  private async lockClients(manager: EntityManager, actor: Actor, permission: string): Promise<string[]> {
    const locked = await manager.query<{ id: string }[]>(
      `SELECT client_id AS id FROM clients
       WHERE client_id IN (SELECT client_id FROM client_permissions WHERE permission_name = $1)
       ORDER BY client_id FOR UPDATE`,
      [permission],
    );
    const ids = locked.map(({ id }) => id);
    // A second statement: the first one saw the permissions as they were before it waited for the locks.
    const held = await manager.query<{ id: string; permissions: string[] }[]>(
      `SELECT client_id AS id, array_agg(permission_name) AS permissions
       FROM client_permissions WHERE client_id = ANY ($1) GROUP BY client_id`,
      [ids],
    );
    for (const { id, permissions } of held) {
      this.privileges.requireMayTouch(actor, { type: 'client', id }, permissions);
    }
    return ids;
  }

  private lockRoles(manager: EntityManager, names: string[]): Promise<Role[]> {
    return manager
      .createQueryBuilder(Role, 'r')
      .where({ name: In(names) })
      .orderBy('r.name = :admin', 'DESC')
      .addOrderBy('r.name')
      .setParameter('admin', ADMIN_ROLE)
      .setLock('pessimistic_write')
      .getMany();
  }
}

/** The entity tags of roles whose permissions changed change as well. */
async function countUp(manager: EntityManager, roleNames: readonly string[]): Promise<void> {
  await manager.update(Role, { name: In(roleNames) }, { updatedAt: () => 'clock_timestamp()' });
}

/**
 * All names together, in characters. Administrators hold every permission, each stands twice in their tokens, and a token must fit into a header:
 * whoever may create permissions must not be able to keep them out.
 */
const ROOM = 12 * 1024;

async function requireRoom(manager: EntityManager, name: string): Promise<void> {
  const [row] = await manager.query<{ taken: number }[]>(
    'SELECT coalesce(sum(char_length(name) + 3), 0)::integer AS taken FROM permissions',
  );
  if ((row?.taken ?? 0) + name.length <= ROOM) return;
  throw conflict(
    'too_many_permissions',
    'There is no room for more permissions: a token must be able to name them all.',
  );
}
