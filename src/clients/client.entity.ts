import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A caller that is a program (RFC 6749 section 2). */
@Entity('clients')
@Check('clients_client_id_shape', `client_id ~ '^[A-Za-z0-9._-]{1,128}$' AND lower(client_id) <> 'portcullis'`)
@Check('clients_name_shape', `name <> '' AND char_length(name) <= 200`)
@Check('clients_status', `status IN ('active', 'disabled')`)
@Index('clients_created_at', ['createdAt', 'clientId'])
export class Client {
  @PrimaryColumn('text', { name: 'client_id', primaryKeyConstraintName: 'clients_pkey' })
  clientId: string;

  @Column('text')
  name: string;

  @Column('text', { default: 'active' })
  status: 'active' | 'disabled';

  /** The public keys by which it may prove itself (`private_key_jwt`). */
  @Column('jsonb', { nullable: true })
  jwks: { keys: Record<string, string>[] } | null;

  /** Goes up with every change of what it proves itself by, and when it is disabled. */
  @Column('bigint', { default: 0 })
  epoch: string;

  @Column('integer', { default: 1 })
  version: number;

  @Column('timestamptz', { name: 'created_at', default: () => 'clock_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'clock_timestamp()' })
  updatedAt: Date;
}
