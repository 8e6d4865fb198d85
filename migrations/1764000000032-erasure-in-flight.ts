import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Erasure also of the addresses in rows of the audit trail that are written while a user is deleted, or afterwards by what was under way, and in
 * those about a session rather than its user.
 *
 * Who writes such a row holds the lock below together with others; a deletion takes it alone when it commits. So either the deletion finds the row,
 * or the row finds no user any more. It is taken at the commit, since a transaction that stays open must not keep everybody from logging in, and
 * before the clock's lock, as rows are written before it too: `users_` sorts before `validity_`.
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

/** The advisory lock: "gone" in ASCII. */
const LOCK = 1735355237;

/* Whose address it is: that of a user who does something, or of nobody known who does something about a user or about a session of theirs. */
const inFlight = `
CREATE OR REPLACE FUNCTION users_erase() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM quarantine_name(OLD.username, NULL);
  RETURN NULL;
END $$;

CREATE INDEX audit_events_session_user ON audit_events ((details->>'userId')) WHERE target_type = 'session' AND address IS NOT NULL;

CREATE FUNCTION users_forget_addresses() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(${LOCK});
  UPDATE audit_events SET address = NULL WHERE address IS NOT NULL AND actor_id = OLD.id::text;
  UPDATE audit_events SET address = NULL WHERE address IS NOT NULL AND target_id = OLD.id::text AND actor_type = 'anonymous';
  UPDATE audit_events SET address = NULL
    WHERE address IS NOT NULL AND target_type = 'session' AND details->>'userId' = OLD.id::text AND actor_type = 'anonymous';
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER users_forget_addresses AFTER DELETE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  EXECUTE FUNCTION users_forget_addresses();
ALTER TABLE users ENABLE ALWAYS TRIGGER users_forget_addresses;

CREATE FUNCTION audit_events_of_the_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  whose text := CASE
    WHEN NEW.actor_type = 'user' THEN NEW.actor_id
    WHEN NEW.actor_type = 'anonymous' AND NEW.target_type = 'user' THEN NEW.target_id
    WHEN NEW.actor_type = 'anonymous' AND NEW.target_type = 'session' THEN NEW.details->>'userId'
  END;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(${LOCK});
  IF whose ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' AND NOT EXISTS (SELECT FROM users WHERE id = whose::uuid) THEN
    NEW.address := NULL;
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
DROP INDEX audit_events_session_user;
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
`;
