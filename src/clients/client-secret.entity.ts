import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

@Entity('client_secrets')
@Index('client_secrets_client_id', ['clientId'])
export class ClientSecret {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'client_secrets_pkey' })
  id: string;

  @ForeignKey('clients', 'clientId', { name: 'client_secrets_client', onUpdate: 'CASCADE', onDelete: 'CASCADE' })
  @Column('text', { name: 'client_id' })
  clientId: string;

  /** SHA-256. */
  @Column('bytea')
  hash: Buffer;

  @Column('timestamptz', { name: 'created_at', default: () => 'clock_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt: Date | null;
}
