import { Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Permission } from './permission.entity.js';
import { Role } from './role.entity.js';

/** That a role holds a permission. Deleting such a row strips the permission from the tokens of everyone in the role. */
@Entity('role_permissions')
// TypeORM does not see an index that is named like a constraint.
@Index('role_permissions_permission_name', ['permissionName'])
export class RolePermission {
  @PrimaryColumn('text', { name: 'role_name', primaryKeyConstraintName: 'role_permissions_pkey' })
  @ForeignKey(() => Role, { name: 'role_permissions_role', onUpdate: 'CASCADE', onDelete: 'CASCADE' })
  roleName: string;

  @PrimaryColumn('text', { name: 'permission_name', primaryKeyConstraintName: 'role_permissions_pkey' })
  @ForeignKey(() => Permission, { name: 'role_permissions_permission', onUpdate: 'CASCADE', onDelete: 'CASCADE' })
  permissionName: string;
}
