import { Entity, ForeignKey, PrimaryColumn } from 'typeorm';

/** A code that replaces a lost factor once: using it deletes it. */
@Entity('recovery_codes')
export class RecoveryCode {
  @ForeignKey('users', 'id', { name: 'recovery_codes_user', onUpdate: 'CASCADE', onDelete: 'CASCADE' })
  @PrimaryColumn('uuid', { name: 'user_id', primaryKeyConstraintName: 'recovery_codes_pkey' })
  userId: string;

  @PrimaryColumn('bytea', { primaryKeyConstraintName: 'recovery_codes_pkey' })
  hash: Buffer;
}
