import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Guesses at the code of an authenticator app in a row, counted with the app itself: `failures` before each is checked, so that it holds those under way;
 * `locked_at` once there were too many and the owner was told. Instances of the version before count nothing, and are stopped by time alone.
 */
export class TotpCeiling1764000000010 implements MigrationInterface {
  name = 'TotpCeiling1764000000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE totp_factors ADD COLUMN failures integer NOT NULL DEFAULT 0, ADD COLUMN locked_at timestamptz',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE totp_factors DROP COLUMN failures, DROP COLUMN locked_at');
  }
}
