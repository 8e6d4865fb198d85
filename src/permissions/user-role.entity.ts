import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Role } from './role.entity.js';

/** That a user has a role. Deleting such a row ends the user's access tokens, not the sessions: a refresh gets the new facts. */
@Entity('user_roles')
// TypeORM does not see an index that is named like a constraint.
@Index('user_roles_role_name', ['roleName'])
export class UserRole {
  @PrimaryColumn('uuid', { name: 'user_id', primaryKeyConstraintName: 'user_roles_pkey' })
  // By table name: the entity belongs to the users room.
  @ForeignKey('users', 'id', { name: 'user_roles_user', onUpdate: 'CASCADE', onDelete: 'CASCADE' })
  userId: string;

  @PrimaryColumn('text', { name: 'role_name', primaryKeyConstraintName: 'user_roles_pkey' })
  @ForeignKey(() => Role, { name: 'user_roles_role', onUpdate: 'CASCADE', onDelete: 'CASCADE' })
  roleName: string;

  @Column('timestamptz', { name: 'granted_at', default: () => 'clock_timestamp()' })
  grantedAt: Date;
}
