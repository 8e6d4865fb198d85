import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** An authenticator app. Triggers make its coming and going a change of the user's credentials. */
@Entity('totp_factors')
@Index('totp_factors_user_id', ['userId'])
export class TotpFactor {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'totp_factors_pkey' })
  id: string;

  @ForeignKey('users', 'id', { name: 'totp_factors_user', onUpdate: 'CASCADE', onDelete: 'CASCADE' })
  @Column('uuid', { name: 'user_id' })
  userId: string;

  @Column('text')
  name: string;

  /** Wrapped under the master key. */
  @Column('bytea')
  secret: Buffer;

  @Column('text', { name: 'master_key_id' })
  masterKeyId: string;

  /** The newest time step of which a code was used: no code of it or an older one works again. */
  @Column('bigint', { name: 'last_step' })
  lastStep: string;

  /** Guesses at its codes since the user last proved a second factor, those under way included. */
  @Column('integer', { default: 0 })
  failures: number;

  /** When the owner was told that there were too many. */
  @Column('timestamptz', { name: 'locked_at', nullable: true })
  lockedAt: Date | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'clock_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'last_used_at', nullable: true })
  lastUsedAt: Date | null;
}
