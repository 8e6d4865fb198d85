import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

export const USER_STATUSES = ['active', 'disabled'] as const;
export type UserStatus = (typeof USER_STATUSES)[number];

/**
 * A person. Names and addresses are unique without regard to case. A trigger keeps `version`, `updatedAt`, `credentialsChangedAt` and
 * `sessionEpoch`: nobody else writes those.
 */
@Entity('users')
@Check('users_status', `status IN ('active', 'disabled')`)
@Check('users_username_shape', `username <> '' AND char_length(username) <= 64 AND strpos(username, '@') = 0`)
@Check('users_email_shape', `char_length(email) <= 254`)
@Index('users_username_key', { synchronize: false })
@Index('users_email_key', { synchronize: false })
export class User {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'users_pkey' })
  id: string;

  @Column('text')
  username: string;

  @Column('text', { nullable: true })
  email: string | null;

  /** When the present address was proven by a mail to it. A trigger takes it away when the address changes. */
  @Column('timestamptz', { name: 'email_verified_at', nullable: true })
  emailVerifiedAt: Date | null;

  @Column('text', { name: 'display_name', nullable: true })
  displayName: string | null;

  @Column('text', { default: 'active' })
  status: UserStatus;

  /** Without one, nobody can log in by password. Not read unless asked for by name, so that it cannot end up in an answer. */
  @Column('text', { name: 'password_hash', nullable: true, select: false })
  passwordHash: string | null;

  @Column('boolean', { name: 'must_change_password', default: false })
  mustChangePassword: boolean;

  @Column('timestamptz', { name: 'credentials_changed_at', default: () => 'clock_timestamp()' })
  credentialsChangedAt: Date;

  @Column('bigint', { name: 'session_epoch', default: 0 })
  sessionEpoch: string;

  @Column('integer', { default: 1 })
  version: number;

  @Column('timestamptz', { name: 'created_at', default: () => 'clock_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'clock_timestamp()' })
  updatedAt: Date;
}
