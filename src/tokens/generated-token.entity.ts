import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { SubjectPermissions } from '@portcullis/verifier';

/** A token that somebody had generated: for whom, by whom, when, until when. The token itself is not kept. */
@Entity('generated_tokens')
@Check('generated_tokens_generator', `generated_by_type IN ('user', 'client', 'system')`)
@Index('generated_tokens_created_at', ['createdAt', 'jti'])
@Index('generated_tokens_generated_by', ['generatedBy'])
@Index('generated_tokens_subject', ['subject'])
@Index('generated_tokens_expires_at', ['expiresAt'])
export class GeneratedToken {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'generated_tokens_pkey' })
  jti: string;

  @Column('text')
  subject: string;

  @Column('text')
  audience: string;

  @Column('text', { name: 'client_id' })
  clientId: string;

  @Column('text')
  kid: string;

  @Column('text', { array: true, default: [] })
  roles: string[];

  @Column('jsonb', { nullable: true })
  permissions: string[] | SubjectPermissions | null;

  @Column('text', { name: 'generated_by_type' })
  generatedByType: 'user' | 'client' | 'system';

  @Column('text', { name: 'generated_by' })
  generatedBy: string;

  @Column('timestamptz', { name: 'created_at', default: () => 'clock_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'not_before', nullable: true })
  notBefore: Date | null;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt: Date | null;

  @Column('text', { name: 'revoked_by', nullable: true })
  revokedBy: string | null;
}
