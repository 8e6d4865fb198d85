import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who follows the validity window, and how far they have come. */
export class Subscribers1763800000003 implements MigrationInterface {
  name = 'Subscribers1763800000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(subscribers);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE validity_subscribers');
  }
}

/* Knowledge for people, of the last seconds: unlogged, so that it costs no flush. */
const subscribers = `
CREATE UNLOGGED TABLE validity_subscribers (
  client_id text NOT NULL,
  subscriber text NOT NULL,
  position bigint NOT NULL,
  last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT validity_subscribers_pkey PRIMARY KEY (client_id, subscriber)
) WITH (fillfactor = 50);
CREATE INDEX validity_subscribers_last_seen_at ON validity_subscribers (last_seen_at);
`;
