import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Erasure also of the addresses in rows of the audit trail that are written while a user is deleted, or afterwards by what was under way, and in
 * those about a session rather than its user.
 *
 * What is there is erased with the user's row, which may take long and holds up nobody. What has been written since is erased at the commit, under
 * a lock of one in 1,024 parts of the users: who writes such a row holds it together with others, a deletion alone. So either the deletion finds the
 * row, or the row finds no user any more. At the commit, since a transaction that stays open must not keep anybody from logging in.
 *
 * Rows are written before the clock's lock is taken, and so `users_` sorts before `validity_`. That is the order within one deletion: a transaction
 * that ends something else first holds the clock already, and is broken off (40P01) if it meets one in the same part that waits for it.
 */
export class ErasureInFlight1764000000032 implements MigrationInterface {
  name = 'ErasureInFlight1764000000032';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(inFlight);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(before);
  }
}

/** The advisory locks: "gone" in ASCII. Parts, since one lock for each of many users that go at once would not fit into the server's memory. */
const lockOf = (whose: string): string => `1735355237, hashtext(${whose}) & 1023`;

const inFlight = `
-- Whose address it is: that of a user who does something, or of nobody known who does something about a user or about a session of theirs.
CREATE FUNCTION audit_address_of(actor_type text, actor_id text, target_type text, target_id text, details jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN actor_type = 'user' THEN actor_id
    WHEN actor_type = 'anonymous' AND target_type = 'user' THEN target_id
    WHEN actor_type = 'anonymous' AND target_type = 'session' THEN details->>'userId'
  END
$$;
CREATE INDEX audit_events_address_of ON audit_events (audit_address_of(actor_type, actor_id, target_type, target_id, details))
  WHERE address IS NOT NULL;

CREATE FUNCTION forget_addresses(whose text, at_most bigint DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE forgotten bigint;
BEGIN
  UPDATE audit_events SET address = NULL WHERE id = ANY (ARRAY(
    SELECT id FROM audit_events
    WHERE address IS NOT NULL AND audit_address_of(actor_type, actor_id, target_type, target_id, details) = whose LIMIT at_most));
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  RETURN forgotten;
END $$;
REVOKE ALL ON FUNCTION forget_addresses FROM PUBLIC;

CREATE OR REPLACE FUNCTION users_erase() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM quarantine_name(OLD.username, NULL);
  IF OLD.email IS NOT NULL THEN PERFORM quarantine_name(OLD.email, NULL); END IF;
  PERFORM forget_addresses(OLD.id::text);
  RETURN NULL;
END $$;

CREATE FUNCTION users_forget_addresses() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(${lockOf('OLD.id::text')});
  PERFORM forget_addresses(OLD.id::text);
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER users_forget_addresses AFTER DELETE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  EXECUTE FUNCTION users_forget_addresses();
ALTER TABLE users ENABLE ALWAYS TRIGGER users_forget_addresses;

CREATE FUNCTION audit_events_of_the_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE whose text := audit_address_of(NEW.actor_type, NEW.actor_id, NEW.target_type, NEW.target_id, NEW.details);
BEGIN
  IF whose ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
    PERFORM pg_advisory_xact_lock_shared(${lockOf('whose')});
    IF NOT EXISTS (SELECT FROM users WHERE id = whose::uuid) THEN NEW.address := NULL; END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_events_of_the_erased BEFORE INSERT ON audit_events FOR EACH ROW
  WHEN (NEW.address IS NOT NULL AND NEW.actor_type IN ('user', 'anonymous')) EXECUTE FUNCTION audit_events_of_the_erased();
ALTER TABLE audit_events ENABLE ALWAYS TRIGGER audit_events_of_the_erased;

-- What earlier deletions have left.
UPDATE audit_events e SET address = NULL
WHERE address IS NOT NULL AND actor_type = 'anonymous' AND target_type = 'session'
  AND NOT EXISTS (SELECT FROM users u WHERE u.id::text = e.details->>'userId');
`;

const before = `
DROP TRIGGER audit_events_of_the_erased ON audit_events;
DROP TRIGGER users_forget_addresses ON users;
DROP FUNCTION audit_events_of_the_erased, users_forget_addresses;
DROP INDEX audit_events_address_of;
CREATE OR REPLACE FUNCTION users_erase() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO quarantined_names AS q (hash, expires_at)
    SELECT quarantine_hash(OLD.username), clock_timestamp() + keep_for FROM name_quarantine WHERE keep_for > interval '0'
  ON CONFLICT (hash) DO UPDATE SET expires_at = greatest(q.expires_at, excluded.expires_at);
  UPDATE audit_events SET address = NULL
    WHERE address IS NOT NULL AND actor_id = OLD.id::text;
  UPDATE audit_events SET address = NULL
    WHERE address IS NOT NULL AND target_id = OLD.id::text AND actor_type = 'anonymous';
  RETURN NULL;
END $$;
DROP FUNCTION forget_addresses, audit_address_of;
`;
