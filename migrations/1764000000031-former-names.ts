import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A former name is kept for whoever had it, as the name of a deleted user is kept from everybody. The same goes for an address, but for whoever
 * proves that its mails reach them.
 *
 * The look comes after the row, when whoever gave the name up at the same moment has committed: the unique index waits for them, and a trigger before
 * the row would have looked too early.
 */
export class FormerNames1764000000031 implements MigrationInterface {
  name = 'FormerNames1764000000031';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(former);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER users_keep_former ON users;
      DROP TRIGGER users_refuse_quarantined ON users;
      DROP FUNCTION users_keep_former, users_refuse_former, is_quarantined, quarantine_name;
      ALTER TABLE quarantined_names DROP COLUMN user_id;
      CREATE TRIGGER users_refuse_quarantined BEFORE INSERT OR UPDATE OF username ON users FOR EACH ROW
        EXECUTE FUNCTION users_refuse_quarantined();
      ALTER TABLE users ENABLE ALWAYS TRIGGER users_refuse_quarantined;
    `);
  }
}

/* user_id is who may have the name all the same: null once they are deleted. */
const former = `
ALTER TABLE quarantined_names ADD COLUMN user_id uuid
  CONSTRAINT quarantined_names_user REFERENCES users (id) ON UPDATE CASCADE ON DELETE SET NULL;
CREATE INDEX quarantined_names_user_id ON quarantined_names (user_id);

CREATE FUNCTION quarantine_name(name text, former_owner uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO quarantined_names AS q (hash, user_id, expires_at)
    SELECT quarantine_hash(name), former_owner, clock_timestamp() + keep_for FROM name_quarantine WHERE keep_for > interval '0'
  ON CONFLICT (hash) DO UPDATE SET user_id = excluded.user_id, expires_at = greatest(q.expires_at, excluded.expires_at)
$$;

CREATE FUNCTION is_quarantined(name text, for_user uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT FROM quarantined_names
    WHERE hash = quarantine_hash(name) AND expires_at > clock_timestamp() AND user_id IS DISTINCT FROM for_user)
$$;
REVOKE ALL ON FUNCTION quarantine_name, is_quarantined FROM PUBLIC;

CREATE FUNCTION users_keep_former() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF lower(OLD.username) <> lower(NEW.username) THEN PERFORM quarantine_name(OLD.username, NEW.id); END IF;
  IF lower(OLD.email) IS DISTINCT FROM lower(NEW.email) AND OLD.email IS NOT NULL THEN
    PERFORM quarantine_name(OLD.email, NEW.id);
  END IF;
  RETURN NULL;
END $$;

-- portcullis.first_admin = 'on' (SET LOCAL): there is no user at all, and nobody to be taken for.
-- The constraints are those that the version before knows how to answer; the hint tells a former address from one that is taken.
CREATE FUNCTION users_refuse_former() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF coalesce(current_setting('portcullis.first_admin', true), '') = 'on' THEN RETURN NULL; END IF;
  IF (TG_OP = 'INSERT' OR lower(OLD.username) <> lower(NEW.username)) AND is_quarantined(NEW.username, NEW.id) THEN
    RAISE EXCEPTION 'the name was that of another user a short time ago'
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'users_username_quarantined', HINT = 'quarantined';
  END IF;
  IF NEW.email_verified_at IS NULL AND (TG_OP = 'INSERT' OR lower(OLD.email) IS DISTINCT FROM lower(NEW.email))
      AND is_quarantined(NEW.email, NEW.id) THEN
    RAISE EXCEPTION 'the address was that of another user a short time ago, and is not proven'
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'users_email_key', HINT = 'quarantined';
  END IF;
  RETURN NULL;
END $$;

DROP TRIGGER users_refuse_quarantined ON users;
CREATE TRIGGER users_keep_former AFTER UPDATE ON users FOR EACH ROW
  WHEN (OLD.username <> NEW.username OR OLD.email IS DISTINCT FROM NEW.email) EXECUTE FUNCTION users_keep_former();
CREATE TRIGGER users_refuse_quarantined AFTER INSERT OR UPDATE OF username, email ON users FOR EACH ROW
  EXECUTE FUNCTION users_refuse_former();
ALTER TABLE users ENABLE ALWAYS TRIGGER users_keep_former;
ALTER TABLE users ENABLE ALWAYS TRIGGER users_refuse_quarantined;
`;
