import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Passkeys: factors that are bound to the address of the pages they are used on, and that log in without a password too. */
export class Passkeys1763900000003 implements MigrationInterface {
  name = 'Passkeys1763900000003';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [passkeys, triggers]) await runner.query(part);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE passkey_challenges, passkeys');
  }
}

/*
 * public_key is in COSE form. counter is the newest that the authenticator has told; many tell 0 always. passkey_challenges are those of logins of
 * which the user is not known yet, by their SHA-256. user_verified tells whether the authenticator has ever made sure of its user, beside another proof.
 */
const passkeys = `
CREATE TABLE passkeys (
  id uuid CONSTRAINT passkeys_pkey PRIMARY KEY,
  user_id uuid NOT NULL CONSTRAINT passkeys_user REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
  name text NOT NULL,
  credential_id text NOT NULL CONSTRAINT passkeys_credential_id UNIQUE,
  public_key bytea NOT NULL,
  counter bigint NOT NULL,
  transports text[] NOT NULL DEFAULT '{}',
  synced boolean NOT NULL,
  user_verified boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamptz
);
CREATE INDEX passkeys_user_id ON passkeys (user_id);

CREATE TABLE passkey_challenges (
  hash bytea CONSTRAINT passkey_challenges_pkey PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
CREATE INDEX passkey_challenges_expires_at ON passkey_challenges (expires_at);
`;

/* As with authenticator apps: coming and going is a change of credentials, use is none. */
const triggers = `
CREATE TRIGGER factors_changed AFTER INSERT OR DELETE ON passkeys FOR EACH ROW EXECUTE FUNCTION factors_changed();
CREATE TRIGGER factors_replaced AFTER UPDATE ON passkeys FOR EACH ROW
  WHEN (OLD.id <> NEW.id OR OLD.user_id <> NEW.user_id OR OLD.credential_id <> NEW.credential_id OR OLD.public_key <> NEW.public_key)
  EXECUTE FUNCTION factors_changed();
CREATE TRIGGER factors_truncate BEFORE TRUNCATE ON passkeys FOR EACH STATEMENT EXECUTE FUNCTION validity_refuse_truncate();
ALTER TABLE passkeys ENABLE ALWAYS TRIGGER factors_changed;
ALTER TABLE passkeys ENABLE ALWAYS TRIGGER factors_replaced;
ALTER TABLE passkeys ENABLE ALWAYS TRIGGER factors_truncate;
`;
