import { Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

@Entity('client_permissions')
@Index('client_permissions_permission_name', ['permissionName'])
export class ClientPermission {
  @ForeignKey('clients', 'clientId', { name: 'client_permissions_client', onUpdate: 'CASCADE', onDelete: 'CASCADE' })
  @PrimaryColumn('text', { name: 'client_id', primaryKeyConstraintName: 'client_permissions_pkey' })
  clientId: string;

  @ForeignKey('permissions', 'name', {
    name: 'client_permissions_permission',
    onUpdate: 'CASCADE',
    onDelete: 'CASCADE',
  })
  @PrimaryColumn('text', { name: 'permission_name', primaryKeyConstraintName: 'client_permissions_pkey' })
  permissionName: string;
}
