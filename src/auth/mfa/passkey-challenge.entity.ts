import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A challenge for a login of which the user is not known yet. Using it deletes it. */
@Entity('passkey_challenges')
@Index('passkey_challenges_expires_at', ['expiresAt'])
export class PasskeyChallenge {
  @PrimaryColumn('bytea', { primaryKeyConstraintName: 'passkey_challenges_pkey' })
  hash: Buffer;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;
}
