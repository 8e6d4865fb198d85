import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import type { AudienceAlgorithm } from './audience-algorithms.js';

/** A service that tokens are for. */
@Entity('audiences')
@Check('audiences_identifier_shape', `identifier ~ '^\\S+$' AND char_length(identifier) <= 200`)
@Check('audiences_token_ttl', 'token_ttl_seconds > 0')
export class Audience {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'audiences_pkey' })
  identifier: string;

  /** An HMAC algorithm means a secret of its own; any other is the key of that algorithm that all audiences share. */
  @Column('text')
  algorithm: AudienceAlgorithm;

  /** Longest lifetime of tokens for it; null: what is otherwise configured. */
  @Column('integer', { name: 'token_ttl_seconds', nullable: true })
  tokenTtlSeconds: number | null;

  /** Extra claims: the claim's name and the attribute that it shows. */
  @Column('jsonb', { default: {} })
  claims: Record<string, string>;

  @Column('integer', { default: 1 })
  version: number;

  @Column('timestamptz', { name: 'created_at', default: () => 'clock_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'clock_timestamp()' })
  updatedAt: Date;
}
