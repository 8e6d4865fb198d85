import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * New addresses are of ASCII. lower() takes others for the same that are not the same to any mail server: whoever had `ann@bİg.example` had taken
 * `ann@big.example` from its owner.
 *
 * The error is one that the version before answers with 400, which serves beside the new schema for a while.
 *
 * Users who have another one keep it, and everything else about them can be changed; so it is no CHECK. What waits for such an address is called off.
 */
export class AsciiAddresses1764000000050 implements MigrationInterface {
  name = 'AsciiAddresses1764000000050';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(ascii);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER users_ascii_address ON users; DROP FUNCTION users_ascii_address');
  }
}

const ascii = `
CREATE FUNCTION users_ascii_address() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' OR NEW.email IS DISTINCT FROM OLD.email THEN
    RAISE EXCEPTION 'addresses are of ASCII; an international domain is written as Punycode (xn--...)'
      USING ERRCODE = 'character_not_in_repertoire', CONSTRAINT = 'users_email_ascii', TABLE = 'users', COLUMN = 'email';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER users_ascii_address BEFORE INSERT OR UPDATE ON users FOR EACH ROW
  WHEN (octet_length(NEW.email) <> char_length(NEW.email)) EXECUTE FUNCTION users_ascii_address();
ALTER TABLE users ENABLE ALWAYS TRIGGER users_ascii_address;

DELETE FROM registrations WHERE octet_length(email) <> char_length(email);
DELETE FROM mail_requests WHERE octet_length(email) <> char_length(email);
DELETE FROM single_use_tokens
  WHERE purpose = 'mail:email-change' AND octet_length(details->>'email') <> char_length(details->>'email');
`;
