import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Mails that wait to be sent, proven addresses, and registrations that nobody has completed yet. */
export class MailFlows1763900000000 implements MigrationInterface {
  name = 'MailFlows1763900000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [requests, registrations, addresses]) await runner.query(part);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER users_address_changed ON users;
      DROP FUNCTION users_address_changed;
      ALTER TABLE users DROP COLUMN email_verified_at;
      DROP TABLE registrations, mail_requests;
    `);
  }
}

/*
 * What was asked for, not what will be sent: whom it concerns is found out when it is sent, and a token is made only then. `email` is what somebody
 * typed, whether anybody has that address or not.
 */
const requests = `
CREATE TABLE mail_requests (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT mail_requests_pkey PRIMARY KEY,
  kind text NOT NULL,
  user_id uuid CONSTRAINT mail_requests_user REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
  email text,
  details jsonb NOT NULL DEFAULT '{}',
  requested_by jsonb NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT mail_requests_about CHECK ((user_id IS NULL) <> (email IS NULL))
);
CREATE INDEX mail_requests_due_at ON mail_requests (due_at);
CREATE INDEX mail_requests_user_id ON mail_requests (user_id);
`;

/* Addresses that want an account. Until one is proven there is no user, so that nobody can occupy the address of somebody else. */
const registrations = `
CREATE TABLE registrations (
  hash bytea CONSTRAINT registrations_pkey PRIMARY KEY,
  email text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX registrations_email_key ON registrations (lower(email));
CREATE INDEX registrations_expires_at ON registrations (expires_at);
`;

/* Whoever has the mails of the old address must not come in by a link that went there. */
const addresses = `
ALTER TABLE users ADD COLUMN email_verified_at timestamptz;

CREATE FUNCTION users_address_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.email_verified_at IS NOT DISTINCT FROM OLD.email_verified_at THEN NEW.email_verified_at := NULL; END IF;
  DELETE FROM single_use_tokens WHERE user_id = OLD.id AND starts_with(purpose, 'mail:');
  RETURN NEW;
END $$;
CREATE TRIGGER users_address_changed BEFORE UPDATE ON users FOR EACH ROW
  WHEN (OLD.email IS DISTINCT FROM NEW.email) EXECUTE FUNCTION users_address_changed();
ALTER TABLE users ENABLE ALWAYS TRIGGER users_address_changed;
`;
