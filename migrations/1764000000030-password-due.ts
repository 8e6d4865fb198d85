import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A password that must be changed is one that no longer counts for a login, so what was begun with it ends, whoever asks for the change. The
 * name comes before `users_before_update`, which moves the epoch on: triggers fire in the order of their names.
 */
export class PasswordDue1764000000030 implements MigrationInterface {
  name = 'PasswordDue1764000000030';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION users_asked_for_password() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        NEW.credentials_changed_at := greatest(clock_timestamp(), OLD.credentials_changed_at + interval '1 microsecond',
          NEW.credentials_changed_at);
        RETURN NEW;
      END $$;
      CREATE TRIGGER users_asked_for_password BEFORE UPDATE ON users FOR EACH ROW
        WHEN (NEW.must_change_password AND NOT OLD.must_change_password) EXECUTE FUNCTION users_asked_for_password();
      ALTER TABLE users ENABLE ALWAYS TRIGGER users_asked_for_password;

      -- The same for those who have been asked before. One after the other: all sessions at once would keep the table locked for seconds.
      DO $$
      DECLARE due uuid;
      BEGIN
        FOR due IN SELECT id FROM users WHERE must_change_password LOOP
          IF EXISTS (SELECT FROM live_sessions WHERE user_id = due) THEN
            UPDATE users SET credentials_changed_at = greatest(clock_timestamp(), credentials_changed_at + interval '1 microsecond')
              WHERE id = due;
          END IF;
        END LOOP;
      END $$;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER users_asked_for_password ON users;
      DROP FUNCTION users_asked_for_password;
    `);
  }
}
