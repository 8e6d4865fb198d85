import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The validity window, and the triggers by which every table that a token depends on feeds it. */
export class ValidityWindow1763700000001 implements MigrationInterface {
  name = 'ValidityWindow1763700000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const part of [window, recording, triggers]) await runner.query(part);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP VIEW live_sessions;
      DROP TABLE forced_expirations, session_endings, validity_events, validity_clock;
      DROP FUNCTION validity_note, validity_note_membership, validity_note_session, validity_note_forced, validity_record,
        validity_refuse_truncate CASCADE;
    `);
  }
}

/*
 * keep: the longest lifetime of any token outstanding; keep_access: the same for tokens of sessions. The held_until columns say until when
 * they must not be lowered. xid and started_at together name the transaction that took seq: after a restore into another cluster a
 * transaction id alone could come up again.
 */
const window = `
CREATE TABLE validity_clock (
  one boolean CONSTRAINT validity_clock_pkey PRIMARY KEY DEFAULT true CONSTRAINT validity_clock_one CHECK (one),
  seq bigint NOT NULL DEFAULT 1,
  xid xid8,
  started_at timestamptz,
  floor bigint NOT NULL DEFAULT 0,
  keep interval NOT NULL,
  keep_held_until timestamptz NOT NULL DEFAULT clock_timestamp(),
  keep_access interval NOT NULL,
  keep_access_held_until timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO validity_clock (keep, keep_access) VALUES (interval '0', interval '0');

CREATE TABLE validity_events (
  kind text NOT NULL CONSTRAINT validity_events_kind CHECK (kind IN ('global', 'user', 'user_facts', 'client', 'session', 'token',
    'audience', 'role', 'role_permission', 'signing_key')),
  key text NOT NULL,
  seq bigint NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT validity_events_pkey PRIMARY KEY (kind, key)
);
CREATE INDEX validity_events_seq ON validity_events (seq);
CREATE INDEX validity_events_expires_at ON validity_events (expires_at);

CREATE TABLE forced_expirations (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT forced_expirations_pkey PRIMARY KEY,
  scope text NOT NULL
    CONSTRAINT forced_expirations_scope CHECK (scope IN ('global', 'user', 'client', 'audience', 'session', 'role', 'token')),
  key text NOT NULL DEFAULT '*',
  reason text NOT NULL,
  end_sessions boolean NOT NULL DEFAULT true,
  requested_by text,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT forced_expirations_key_shape CHECK (key <> '' AND (scope = 'global') = (key = '*'))
);

CREATE TABLE session_endings (
  kind text NOT NULL,
  key text NOT NULL,
  seq bigint NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT session_endings_pkey PRIMARY KEY (kind, key)
);

CREATE VIEW live_sessions AS
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

const recording = `
CREATE FUNCTION validity_record(event_kind text, event_key text, event_reason text, until timestamptz DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE clock validity_clock;
BEGIN
  UPDATE validity_clock SET
      xid = pg_current_xact_id(), started_at = transaction_timestamp(),
      seq = greatest(seq + 1, (extract(epoch FROM clock_timestamp()) * 1e6)::bigint)
    WHERE xid IS DISTINCT FROM pg_current_xact_id() OR started_at IS DISTINCT FROM transaction_timestamp()
    RETURNING * INTO clock;
  IF FOUND THEN
    IF current_setting('synchronous_commit') = 'off' THEN PERFORM set_config('synchronous_commit', 'on', true); END IF;
  ELSE
    SELECT * INTO STRICT clock FROM validity_clock;
  END IF;
  INSERT INTO validity_events AS e (kind, key, seq, reason, at, expires_at)
  VALUES (event_kind, event_key, clock.seq, event_reason, clock_timestamp(), coalesce(until, CASE event_kind
    WHEN 'signing_key' THEN 'infinity'
    WHEN 'session' THEN clock_timestamp() + clock.keep_access
    ELSE clock_timestamp() + clock.keep END))
  ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq, reason = excluded.reason, at = excluded.at,
    expires_at = greatest(e.expires_at, excluded.expires_at) WHERE e.seq <= excluded.seq;
  RETURN clock.seq;
END $$;
REVOKE ALL ON FUNCTION validity_record FROM PUBLIC;

-- Arguments: kind, key column or columns (comma-separated), reason. OLD names the row: a rename must end the old name.
CREATE FUNCTION validity_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE k text; row_before jsonb := to_jsonb(OLD);
BEGIN
  SELECT string_agg(row_before->>col, ' ' ORDER BY n) INTO STRICT k
    FROM unnest(string_to_array(TG_ARGV[1], ',')) WITH ORDINALITY u(col, n);
  PERFORM validity_record(TG_ARGV[0], k, TG_ARGV[2]);
  RETURN NULL;
END $$;

-- A membership that goes because its role or its user goes needs no event of its own: theirs covers it. The sessions that an expiration of the
-- role has ended stay ended all the same; under the clock's lock, so that none is under way unseen.
CREATE FUNCTION validity_note_membership()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM users WHERE id = OLD.user_id) THEN RETURN NULL; END IF;
  IF EXISTS (SELECT FROM roles WHERE name = OLD.role_name) THEN
    PERFORM validity_record('user_facts', OLD.user_id::text, 'facts_changed');
  ELSE
    PERFORM FROM validity_clock FOR UPDATE;
  END IF;
  INSERT INTO session_endings AS e (kind, key, seq, at)
    SELECT 'user', OLD.user_id::text, r.seq, r.at FROM session_endings r
    WHERE r.kind = 'role' AND r.key = OLD.role_name AND r.at > OLD.granted_at
  ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq, at = excluded.at WHERE e.seq < excluded.seq;
  RETURN NULL;
END $$;

CREATE FUNCTION validity_note_session()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM users WHERE id = OLD.user_id) THEN
    PERFORM validity_record('session', OLD.id::text, 'session_ended');
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION validity_note_forced()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE s bigint;
BEGIN
  s := validity_record(NEW.scope, NEW.key, 'forced_expiration');
  IF NEW.scope = 'role' THEN
    PERFORM validity_record('role_permission', NEW.key || ' ' || permission_name, 'forced_expiration')
      FROM role_permissions WHERE role_name = NEW.key;
  END IF;
  IF NEW.end_sessions AND NEW.scope <> 'token' THEN
    INSERT INTO session_endings AS e (kind, key, seq, at) VALUES (NEW.scope, NEW.key, s, clock_timestamp())
    ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq, at = excluded.at WHERE e.seq < excluded.seq;
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION validity_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'TRUNCATE of % would end tokens without a trace; use DELETE', TG_TABLE_NAME;
END $$;
`;

/* Names matter where two fire for one row: the alphabetically later one has the last word on the reason. */
const triggers = `
CREATE CONSTRAINT TRIGGER validity_1_credentials AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.id <> NEW.id OR OLD.session_epoch <> NEW.session_epoch AND NOT (OLD.status = 'active' AND NEW.status <> 'active'))
  EXECUTE FUNCTION validity_note('user', 'id', 'credentials_changed');
CREATE CONSTRAINT TRIGGER validity_2_status AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.status = 'active' AND NEW.status <> 'active')
  EXECUTE FUNCTION validity_note('user', 'id', 'user_disabled');
CREATE CONSTRAINT TRIGGER validity_3_deleted AFTER DELETE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  EXECUTE FUNCTION validity_note('user', 'id', 'user_deleted');

CREATE CONSTRAINT TRIGGER validity_membership_changed AFTER UPDATE ON user_roles DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.user_id <> NEW.user_id OR OLD.role_name <> NEW.role_name) EXECUTE FUNCTION validity_note_membership();
CREATE CONSTRAINT TRIGGER validity_membership_deleted AFTER DELETE ON user_roles DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  EXECUTE FUNCTION validity_note_membership();

CREATE CONSTRAINT TRIGGER validity_role_renamed AFTER UPDATE ON roles DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION validity_note('role', 'name', 'role_changed');
CREATE CONSTRAINT TRIGGER validity_role_deleted AFTER DELETE ON roles DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  EXECUTE FUNCTION validity_note('role', 'name', 'role_changed');

CREATE CONSTRAINT TRIGGER validity_permission_changed AFTER UPDATE ON role_permissions
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.role_name <> NEW.role_name OR OLD.permission_name <> NEW.permission_name)
  EXECUTE FUNCTION validity_note('role_permission', 'role_name,permission_name', 'role_changed');
CREATE CONSTRAINT TRIGGER validity_permission_deleted AFTER DELETE ON role_permissions
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  EXECUTE FUNCTION validity_note('role_permission', 'role_name,permission_name', 'role_changed');

CREATE CONSTRAINT TRIGGER validity_session_changed AFTER UPDATE ON sessions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN ((OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) OR NEW.expires_at < OLD.expires_at OR OLD.id <> NEW.id
    OR OLD.user_id <> NEW.user_id OR OLD.session_epoch <> NEW.session_epoch OR OLD.client_id <> NEW.client_id
    OR OLD.audience <> NEW.audience)
  EXECUTE FUNCTION validity_note_session();
CREATE CONSTRAINT TRIGGER validity_session_deleted AFTER DELETE ON sessions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > clock_timestamp()) EXECUTE FUNCTION validity_note_session();

CREATE CONSTRAINT TRIGGER validity_key_revoked AFTER UPDATE ON signing_keys DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN ((OLD.state <> 'revoked' AND NEW.state = 'revoked') OR OLD.kid <> NEW.kid
    OR OLD.public_jwk IS DISTINCT FROM NEW.public_jwk OR OLD.algorithm <> NEW.algorithm
    OR OLD.audience IS DISTINCT FROM NEW.audience)
  EXECUTE FUNCTION validity_note('signing_key', 'kid', 'key_revoked');
CREATE CONSTRAINT TRIGGER validity_key_deleted AFTER DELETE ON signing_keys DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.state <> 'retired') EXECUTE FUNCTION validity_note('signing_key', 'kid', 'key_revoked');

CREATE CONSTRAINT TRIGGER validity_forced AFTER INSERT ON forced_expirations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  EXECUTE FUNCTION validity_note_forced();

DO $$ DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['users', 'user_roles', 'roles', 'role_permissions', 'permissions', 'sessions', 'signing_keys',
      'forced_expirations', 'session_endings', 'validity_events', 'validity_clock'] LOOP
    EXECUTE format('CREATE TRIGGER validity_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT
      EXECUTE FUNCTION validity_refuse_truncate()', t);
  END LOOP;
END $$;

-- Also under session_replication_role = replica, as restores and replication tools set it.
DO $$ DECLARE r record;
BEGIN
  FOR r IN SELECT tgrelid::regclass AS relation, tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
      WHERE NOT tgisinternal AND c.relnamespace = current_schema()::regnamespace LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', r.relation, r.tgname);
  END LOOP;
END $$;
`;
