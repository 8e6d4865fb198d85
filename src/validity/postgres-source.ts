import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { CatchUp, EventKind, ValidityEvent } from '@portcullis/verifier';
import { Pool, type PoolClient } from 'pg';
import { ENV, type Env } from '../../config/env.js';
import { CONNECTION, type PostgresConnection } from '../database/connection.js';
import { PooledClient } from '../database/pooled-client.js';

interface Row {
  seq: string;
  floor: string;
  keep: number;
  keepAccess: number;
  now: number;
  kind: EventKind | null;
  key: string;
  eventSeq: string;
  reason: string;
}

const CATCH_UP = `
SELECT c.seq, c.floor, ceil(extract(epoch FROM c.keep))::integer AS keep,
  ceil(extract(epoch FROM c.keep_access))::integer AS "keepAccess",
  (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now,
  e.kind, e.key, e.seq AS "eventSeq", e.reason
FROM validity_clock c LEFT JOIN validity_events e ON e.seq > $1`;

/** Milliseconds: within it a request must have its answer. */
const CONNECT_TIMEOUT = 2_000;
/** Milliseconds, and longer than the follower waits for anything: what it has given up must not keep the server busy for ever. */
const STATEMENT_TIMEOUT = 35_000;

/**
 * The truth: Postgres. It has connections of its own, so that a pool exhausted by other work never keeps a decision waiting.
 */
@Injectable()
export class PostgresValiditySource implements OnApplicationShutdown {
  private readonly logger = new Logger(PostgresValiditySource.name);
  private readonly pool: Pool;

  constructor(
    @Inject(CONNECTION) connection: PostgresConnection,
    @Inject(ENV) private readonly env: Env,
  ) {
    this.pool = new Pool({
      connectionString: connection.url,
      connectionTimeoutMillis: CONNECT_TIMEOUT,
      max: 2,
      Client: PooledClient,
      keepAlive: true,
      // Poolers that cannot keep named statements refuse start-up parameters as well.
      ...(env.databasePrepared && { statement_timeout: STATEMENT_TIMEOUT }),
      application_name: 'portcullis-validity',
    });
    this.pool.on('error', (error) => {
      this.logger.warn(`an idle connection was lost: ${error.message}`);
    });
  }

  /** What happened after `after`. When `signal` aborts, the connection is dropped: whatever hangs on it must not be waited for. */
  async catchUp(after: number, signal: AbortSignal): Promise<CatchUp> {
    const client = await this.pool.connect();
    let released = false;
    const release = (destroy: boolean): void => {
      if (!released) client.release(destroy);
      released = true;
    };
    const drop = (): void => {
      release(true);
    };
    signal.addEventListener('abort', drop, { once: true });
    try {
      if (signal.aborted) throw new Error('given up');
      const answer = await this.ask(client, after);
      release(false);
      return answer;
    } catch (error) {
      release(true);
      throw error;
    } finally {
      signal.removeEventListener('abort', drop);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }

  private async ask(client: PoolClient, after: number): Promise<CatchUp> {
    const { rows } = await client.query<Row>({
      ...(this.env.databasePrepared && { name: 'validity_catch_up' }),
      text: CATCH_UP,
      values: [after],
    });
    const [clock] = rows;
    if (!clock) throw new Error('the validity clock is missing');
    return {
      seq: Number(clock.seq),
      floor: Number(clock.floor),
      keepSeconds: clock.keep,
      keepAccessSeconds: clock.keepAccess,
      now: clock.now,
      events: clock.kind === null ? [] : rows.map(eventOf),
    };
  }
}

function eventOf(row: Row): ValidityEvent {
  return { kind: row.kind as EventKind, key: row.key, seq: Number(row.eventSeq), reason: row.reason };
}
