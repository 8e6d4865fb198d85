import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What is left of a user who was deleted, however that was done: the id in the audit trail, without addresses, and for some time a keyed hash of the name,
 * so that nobody else is taken for them. `keep_for` is the configured time, which instances write when they start.
 */
export class Erasure1763900000004 implements MigrationInterface {
  name = 'Erasure1763900000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(quarantine);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP FUNCTION users_erase, users_refuse_quarantined, quarantine_hash CASCADE;
      DROP TABLE quarantined_names, name_quarantine;
    `);
  }
}

const quarantine = `
CREATE TABLE name_quarantine (
  one boolean CONSTRAINT name_quarantine_pkey PRIMARY KEY DEFAULT true CONSTRAINT name_quarantine_one CHECK (one),
  hash_key text NOT NULL,
  keep_for interval NOT NULL
);
INSERT INTO name_quarantine (hash_key, keep_for) VALUES (gen_random_uuid()::text || gen_random_uuid()::text, interval '30 days');

CREATE TABLE quarantined_names (
  hash bytea CONSTRAINT quarantined_names_pkey PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
CREATE INDEX quarantined_names_expires_at ON quarantined_names (expires_at);

CREATE FUNCTION quarantine_hash(name text) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT sha256(convert_to(hash_key, 'UTF8') || sha256(convert_to(hash_key || lower(name), 'UTF8'))) FROM name_quarantine
$$;
REVOKE ALL ON FUNCTION quarantine_hash FROM PUBLIC;

CREATE FUNCTION users_erase() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

-- portcullis.first_admin = 'on' (SET LOCAL): there is no user at all, and nobody to be taken for.
CREATE FUNCTION users_refuse_quarantined() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND lower(NEW.username) = lower(OLD.username) THEN RETURN NEW; END IF;
  IF coalesce(current_setting('portcullis.first_admin', true), '') = 'on' THEN RETURN NEW; END IF;
  IF EXISTS (SELECT FROM quarantined_names WHERE hash = quarantine_hash(NEW.username) AND expires_at > clock_timestamp()) THEN
    RAISE EXCEPTION 'the name belonged to a user who was deleted a short time ago'
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'users_username_quarantined';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER users_erase AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION users_erase();
CREATE TRIGGER users_refuse_quarantined BEFORE INSERT OR UPDATE OF username ON users FOR EACH ROW
  EXECUTE FUNCTION users_refuse_quarantined();
ALTER TABLE users ENABLE ALWAYS TRIGGER users_erase;
ALTER TABLE users ENABLE ALWAYS TRIGGER users_refuse_quarantined;
`;
