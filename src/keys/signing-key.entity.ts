import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { KeyState } from './lifecycle.js';

@Entity('signing_keys')
@Check('signing_keys_kid_shape', `kid <> ''`)
@Check('signing_keys_state', `state IN ('pending', 'active', 'retiring', 'retired', 'revoked')`)
@Check('signing_keys_origin', `origin IN ('generated', 'imported')`)
@Index('signing_keys_one_active', { synchronize: false })
export class SigningKey {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'signing_keys_pkey' })
  kid: string;

  @Column('text')
  algorithm: string;

  /** The one audience that a symmetric key serves; null for keys that everyone may verify with. */
  @Column('text', { nullable: true })
  audience: string | null;

  @Column('text')
  state: KeyState;

  @Column('jsonb', { name: 'public_jwk', nullable: true })
  publicJwk: JsonWebKeyRecord | null;

  /** Wrapped under the master key (see `key-wrapping.ts`); null once the key no longer signs. */
  @Column('bytea', { name: 'private_key', nullable: true })
  privateKey: Buffer | null;

  @Column('text', { name: 'master_key_id', nullable: true })
  masterKeyId: string | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'clock_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'activated_at', nullable: true })
  activatedAt: Date | null;

  @Column('timestamptz', { name: 'retiring_at', nullable: true })
  retiringAt: Date | null;

  /** When the last token that it signed has expired; set on entry to `retiring`. */
  @Column('timestamptz', { name: 'retire_at', nullable: true })
  retireAt: Date | null;

  @Column('timestamptz', { name: 'retired_at', nullable: true })
  retiredAt: Date | null;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt: Date | null;

  @Column('text', { default: 'generated' })
  origin: 'generated' | 'imported';
}

export type JsonWebKeyRecord = Record<string, string>;
