import { Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

/** A WebAuthn credential. Triggers make its coming and going a change of the user's credentials. */
@Entity('passkeys')
@Index('passkeys_user_id', ['userId'])
@Unique('passkeys_credential_id', ['credentialId'])
export class Passkey {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'passkeys_pkey' })
  id: string;

  @ForeignKey('users', 'id', { name: 'passkeys_user', onUpdate: 'CASCADE', onDelete: 'CASCADE' })
  @Column('uuid', { name: 'user_id' })
  userId: string;

  @Column('text')
  name: string;

  /** base64url. */
  @Column('text', { name: 'credential_id' })
  credentialId: string;

  /** COSE. */
  @Column('bytea', { name: 'public_key' })
  publicKey: Buffer;

  /** The newest that the authenticator has told: one that does not go up tells of a copy. Many tell 0 always. */
  @Column('bigint')
  counter: string;

  @Column('text', { array: true, default: [] })
  transports: string[];

  /** Whether it may be copied to other devices of its owner. */
  @Column('boolean')
  synced: boolean;

  /** Whether the authenticator has ever made sure of its user, beside another proof: alone it is enough only then. */
  @Column('boolean', { name: 'user_verified' })
  userVerified: boolean;

  @Column('timestamptz', { name: 'created_at', default: () => 'clock_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'last_used_at', nullable: true })
  lastUsedAt: Date | null;
}
