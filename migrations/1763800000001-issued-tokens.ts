import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tokens of which a record is kept: generated ones, revoked ones, and those that may be used once. */
export class IssuedTokens1763800000001 implements MigrationInterface {
  name = 'IssuedTokens1763800000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [tables, functions, triggers]) await runner.query(part);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER users_deactivated ON users;
      DROP TRIGGER users_deleted ON users;
      DROP TRIGGER clients_deactivated ON clients;
      DROP TRIGGER clients_deleted ON clients;
      DROP TABLE single_use_tokens, token_revocations, generated_tokens;
      DROP FUNCTION generators_deactivated, generators_deleted, validity_note_generated_token, validity_note_revocation;
    `);
  }
}

/*
 * generated_by is the id of the user or client on whose authority a token was generated. token_revocations names tokens that no row is kept of
 * otherwise, until they expire. A single-use token is bound to the epoch of the credentials under which it was issued; a user has at most one
 * per purpose.
 */
const tables = `
CREATE TABLE generated_tokens (
  jti text CONSTRAINT generated_tokens_pkey PRIMARY KEY,
  subject text NOT NULL,
  audience text NOT NULL,
  client_id text NOT NULL,
  kid text NOT NULL,
  roles text[] NOT NULL DEFAULT '{}',
  permissions jsonb,
  generated_by_type text NOT NULL
    CONSTRAINT generated_tokens_generator CHECK (generated_by_type IN ('user', 'client', 'system')),
  generated_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  not_before timestamptz,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_by text
);
CREATE INDEX generated_tokens_created_at ON generated_tokens (created_at, jti);
CREATE INDEX generated_tokens_generated_by ON generated_tokens (generated_by);
CREATE INDEX generated_tokens_subject ON generated_tokens (subject);
CREATE INDEX generated_tokens_expires_at ON generated_tokens (expires_at);

CREATE TABLE token_revocations (
  jti text CONSTRAINT token_revocations_pkey PRIMARY KEY,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  revoked_by text
);
CREATE INDEX token_revocations_expires_at ON token_revocations (expires_at);

CREATE TABLE single_use_tokens (
  hash bytea CONSTRAINT single_use_tokens_pkey PRIMARY KEY,
  purpose text NOT NULL,
  user_id uuid NOT NULL
    CONSTRAINT single_use_tokens_user REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
  session_epoch bigint NOT NULL,
  details jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX single_use_tokens_user_purpose ON single_use_tokens (user_id, purpose);
CREATE INDEX single_use_tokens_expires_at ON single_use_tokens (expires_at);
`;

const functions = `
CREATE FUNCTION validity_note_generated_token()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM validity_record('token', OLD.jti, 'token_revoked', OLD.expires_at);
  RETURN NULL;
END $$;

CREATE FUNCTION validity_note_revocation()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM validity_record('token', NEW.jti, 'token_revoked', NEW.expires_at);
  RETURN NULL;
END $$;

-- Argument: the column that names the generator. One statement for all rows, so that disabling very many stays cheap.
CREATE FUNCTION generators_deactivated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE generated_tokens t SET revoked_at = clock_timestamp(), revoked_by = 'system'
    FROM (SELECT to_jsonb(o)->>TG_ARGV[0] AS id FROM old_rows o WHERE o.status = 'active'
      EXCEPT SELECT to_jsonb(n)->>TG_ARGV[0] FROM new_rows n WHERE n.status = 'active') gone
    WHERE t.generated_by = gone.id AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp();
  RETURN NULL;
END $$;

CREATE FUNCTION generators_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE generated_tokens t SET revoked_at = clock_timestamp(), revoked_by = 'system'
    FROM (SELECT to_jsonb(o)->>TG_ARGV[0] AS id FROM old_rows o) gone
    WHERE t.generated_by = gone.id AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp();
  RETURN NULL;
END $$;
`;

const triggers = `
CREATE CONSTRAINT TRIGGER validity_token_revoked AFTER UPDATE ON generated_tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN ((OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) OR OLD.jti <> NEW.jti OR NEW.expires_at < OLD.expires_at)
  EXECUTE FUNCTION validity_note_generated_token();
CREATE CONSTRAINT TRIGGER validity_token_deleted AFTER DELETE ON generated_tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > clock_timestamp()) EXECUTE FUNCTION validity_note_generated_token();
CREATE CONSTRAINT TRIGGER validity_revocation AFTER INSERT OR UPDATE ON token_revocations
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION validity_note_revocation();

CREATE TRIGGER users_deactivated AFTER UPDATE ON users REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION generators_deactivated('id');
CREATE TRIGGER users_deleted AFTER DELETE ON users REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION generators_deleted('id');
CREATE TRIGGER clients_deactivated AFTER UPDATE ON clients REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION generators_deactivated('client_id');
CREATE TRIGGER clients_deleted AFTER DELETE ON clients REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION generators_deleted('client_id');

CREATE TRIGGER validity_truncate BEFORE TRUNCATE ON generated_tokens FOR EACH STATEMENT
  EXECUTE FUNCTION validity_refuse_truncate();

-- Also under session_replication_role = replica, as restores and replication tools set it.
DO $$ DECLARE r record;
BEGIN
  FOR r IN SELECT tgrelid::regclass AS relation, tgname FROM pg_trigger
      WHERE NOT tgisinternal AND tgenabled <> 'A' AND tgrelid IN ('users'::regclass, 'clients'::regclass,
        'generated_tokens'::regclass, 'token_revocations'::regclass) LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', r.relation, r.tgname);
  END LOOP;
END $$;
`;
