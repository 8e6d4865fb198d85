import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a retiring key is done, where a key came from, and secrets that outlive the master key they are wrapped under. */
export class KeyLifecycle1763800000002 implements MigrationInterface {
  name = 'KeyLifecycle1763800000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(lifecycle);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE server_secrets; ALTER TABLE signing_keys DROP COLUMN origin, DROP COLUMN retire_at;',
    );
  }
}

/*
 * retire_at: when the last token that a retiring key signed has expired. server_secrets: the keys that refresh tokens and the like hang on, one
 * per purpose, wrapped as private keys are, so that another master key changes none of them.
 */
const lifecycle = `
CREATE TABLE server_secrets (
  purpose text CONSTRAINT server_secrets_pkey PRIMARY KEY,
  secret bytea NOT NULL,
  master_key_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE signing_keys
  ADD COLUMN retire_at timestamptz,
  ADD COLUMN origin text NOT NULL DEFAULT 'generated'
    CONSTRAINT signing_keys_origin CHECK (origin IN ('generated', 'imported'));
`;
