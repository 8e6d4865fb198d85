import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** A login. What is live is decided by the view `live_sessions`, never by looking at a row alone. */
@Entity('sessions')
@Index('sessions_user_id', ['userId'])
@Index('sessions_expires_at', ['expiresAt'])
export class Session {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'sessions_pkey' })
  id: string;

  @ForeignKey('users', 'id', { name: 'sessions_user', onUpdate: 'CASCADE', onDelete: 'CASCADE' })
  @Column('uuid', { name: 'user_id' })
  userId: string;

  /** `users.session_epoch`, read together with the password hash that was checked. */
  @Column('bigint', { name: 'session_epoch' })
  sessionEpoch: string;

  /** The validity clock, read by that same statement. */
  @Column('bigint', { name: 'started_as_of' })
  startedAsOf: string;

  @Column('text', { name: 'client_id' })
  clientId: string;

  @Column('text', { array: true })
  audience: string[];

  /** The methods by which it was begun (RFC 8176). */
  @Column('text', { array: true, default: [] })
  amr: string[];

  /** When its user was asked for them; null: when it began. */
  @Column('timestamptz', { name: 'auth_time', nullable: true })
  authTime: Date | null;

  @Column('integer', { name: 'refresh_generation', default: 0 })
  refreshGeneration: number;

  @Column('bytea', { name: 'refresh_hash' })
  refreshHash: Buffer;

  @Column('timestamptz', { name: 'refresh_uses', array: true, default: [] })
  refreshUses: Date[];

  @Column('text', { name: 'user_agent', nullable: true })
  userAgent: string | null;

  @Column('text', { nullable: true })
  address: string | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'clock_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'last_used_at', default: () => 'clock_timestamp()' })
  lastUsedAt: Date;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;

  /** However often it is used; `expires_at` never lies beyond it. */
  @Column('timestamptz', { name: 'ends_at', nullable: true })
  endsAt: Date | null;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt: Date | null;

  @Column('text', { name: 'revoked_reason', nullable: true })
  revokedReason: string | null;
}
