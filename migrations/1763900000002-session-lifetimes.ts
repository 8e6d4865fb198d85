import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * When a session ends however often it is used; null in rows of the version before, which get it at their next refresh. `expires_at` never
 * lies beyond it, so that whatever asks the view `live_sessions` or reads `expires_at` for a token need not know of it.
 */
export class SessionLifetimes1763900000002 implements MigrationInterface {
  name = 'SessionLifetimes1763900000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE sessions ADD COLUMN ends_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE sessions DROP COLUMN ends_at');
  }
}
