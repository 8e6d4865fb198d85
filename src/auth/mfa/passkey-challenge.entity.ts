import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A challenge that somebody has logged in by, without a password: no other answer to it is taken. */
@Entity('passkey_challenges')
@Index('passkey_challenges_expires_at', ['expiresAt'])
export class PasskeyChallenge {
  /** Of the challenge and a prefix: of the bare one, instances of the version before would take it for a challenge that is still good. */
  @PrimaryColumn('bytea', { primaryKeyConstraintName: 'passkey_challenges_pkey' })
  hash: Buffer;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;
}
