import type { MigrationInterface, QueryRunner } from 'typeorm';

/** By which factors a session was begun, and the factors beside the password: authenticator apps and recovery codes. */
export class SecondFactors1763900000001 implements MigrationInterface {
  name = 'SecondFactors1763900000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [authentication, liveSessions('CREATE OR REPLACE VIEW'), factors, triggers])
      await runner.query(part);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE recovery_codes, totp_factors;
      DROP FUNCTION factors_changed, recovery_codes_added;
      DROP VIEW live_sessions;
      ALTER TABLE sessions DROP COLUMN amr, DROP COLUMN auth_time;
    `);
    await runner.query(liveSessions('CREATE VIEW'));
  }
}

/*
 * amr names the methods by which the session was begun (RFC 8176); auth_time is when, where that is not when the session began. Sessions from
 * before this migration say nothing about their methods.
 */
const authentication = `
ALTER TABLE sessions ADD COLUMN amr text[] NOT NULL DEFAULT '{}', ADD COLUMN auth_time timestamptz;
`;

/** As before; made anew so that it has the new columns. */
const liveSessions = (create: string): string => `
${create} live_sessions AS
SELECT s.* FROM sessions s
JOIN users u ON u.id = s.user_id AND u.session_epoch = s.session_epoch
WHERE s.revoked_at IS NULL AND s.expires_at > clock_timestamp() AND u.status = 'active'
  AND NOT EXISTS (
    SELECT FROM session_endings e WHERE e.seq > s.started_as_of AND (e.kind, e.key) IN (
      ('global', '*'), ('user', s.user_id::text), ('session', s.id::text), ('client', s.client_id)))
  AND NOT EXISTS (
    SELECT FROM session_endings e WHERE e.seq > s.started_as_of AND e.kind = 'audience' AND e.key = ANY (s.audience))
  AND NOT EXISTS (
    SELECT FROM user_roles r JOIN session_endings e ON e.kind = 'role' AND e.key = r.role_name
    WHERE r.user_id = s.user_id AND e.seq > s.started_as_of AND r.granted_at < e.at);
`;

/* secret is AES-256-GCM under the master key named by master_key_id. last_step is the newest time step (RFC 6238) of which a code was used. */
const factors = `
CREATE TABLE totp_factors (
  id uuid CONSTRAINT totp_factors_pkey PRIMARY KEY,
  user_id uuid NOT NULL CONSTRAINT totp_factors_user REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
  name text NOT NULL,
  secret bytea NOT NULL,
  master_key_id text NOT NULL,
  last_step bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamptz
);
CREATE INDEX totp_factors_user_id ON totp_factors (user_id);

CREATE TABLE recovery_codes (
  user_id uuid NOT NULL CONSTRAINT recovery_codes_user REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
  hash bytea NOT NULL,
  CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, hash)
);
`;

/*
 * A factor that comes or goes is a change of credentials, whoever makes it: it ends sessions, tokens, and logins under way. Using one is none,
 * and neither is a secret that is wrapped anew under another master key.
 */
const triggers = `
CREATE FUNCTION factors_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE users SET credentials_changed_at = greatest(clock_timestamp(), credentials_changed_at + interval '1 microsecond')
    WHERE id IN (OLD.user_id, NEW.user_id);
  RETURN NULL;
END $$;

CREATE FUNCTION recovery_codes_added()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE users SET credentials_changed_at = greatest(clock_timestamp(), credentials_changed_at + interval '1 microsecond')
    WHERE id IN (SELECT user_id FROM added);
  RETURN NULL;
END $$;

CREATE TRIGGER factors_changed AFTER INSERT OR DELETE ON totp_factors FOR EACH ROW EXECUTE FUNCTION factors_changed();
CREATE TRIGGER factors_replaced AFTER UPDATE ON totp_factors FOR EACH ROW
  WHEN (OLD.id <> NEW.id OR OLD.user_id <> NEW.user_id OR OLD.secret <> NEW.secret AND OLD.master_key_id = NEW.master_key_id)
  EXECUTE FUNCTION factors_changed();
CREATE TRIGGER factors_truncate BEFORE TRUNCATE ON totp_factors FOR EACH STATEMENT EXECUTE FUNCTION validity_refuse_truncate();
CREATE TRIGGER recovery_codes_added AFTER INSERT ON recovery_codes REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION recovery_codes_added();

ALTER TABLE totp_factors ENABLE ALWAYS TRIGGER factors_changed;
ALTER TABLE totp_factors ENABLE ALWAYS TRIGGER factors_replaced;
ALTER TABLE totp_factors ENABLE ALWAYS TRIGGER factors_truncate;
ALTER TABLE recovery_codes ENABLE ALWAYS TRIGGER recovery_codes_added;
`;
