import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A secret of an app that is wrapped anew under another master key looks like one that somebody has planted, together with the id of that key. So whoever
 * wraps anew says so, by `SET LOCAL portcullis.rewrap = 'on'`; of anybody else another secret is another factor. A rewrap by an instance of the version before
 * says nothing, and ends the sessions of the users whose rows it takes. And a recovery code that is replaced in place is a new one, as one that is added.
 */
export class AnnouncedRewrap1764000000011 implements MigrationInterface {
  name = 'AnnouncedRewrap1764000000011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ${totpTrigger(`OLD.secret <> NEW.secret
        AND NOT (OLD.master_key_id <> NEW.master_key_id AND coalesce(current_setting('portcullis.rewrap', true), '') = 'on')`)}
      CREATE TRIGGER recovery_codes_replaced AFTER UPDATE ON recovery_codes FOR EACH ROW
        WHEN (OLD.user_id <> NEW.user_id OR OLD.hash <> NEW.hash) EXECUTE FUNCTION factors_changed();
      ALTER TABLE recovery_codes ENABLE ALWAYS TRIGGER recovery_codes_replaced;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER recovery_codes_replaced ON recovery_codes;
      ${totpTrigger('OLD.secret <> NEW.secret AND OLD.master_key_id = NEW.master_key_id')}
    `);
  }
}

const totpTrigger = (planted: string): string => `
DROP TRIGGER factors_replaced ON totp_factors;
CREATE TRIGGER factors_replaced AFTER UPDATE ON totp_factors FOR EACH ROW
  WHEN (OLD.id <> NEW.id OR OLD.user_id <> NEW.user_id OR ${planted})
  EXECUTE FUNCTION factors_changed();
ALTER TABLE totp_factors ENABLE ALWAYS TRIGGER factors_replaced;
`;
