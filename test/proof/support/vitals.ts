import type { TestDatabase } from '../../support/database.js';
import type { HttpClient } from '../../support/http.js';
import { readMetrics } from './metrics.js';

/** What a running service holds, as it and Postgres tell. */
export interface Vitals {
  /** Resident memory, and the part of it that JavaScript uses (MiB). */
  memory: number;
  heap: number;
  /** CPU time since the start (s). */
  cpu: number;
  /** Its connections to Postgres, and those of them that are in a transaction without doing anything. */
  connections: number;
  idleInTransaction: number;
  /** Open files and sockets, besides the connections to Postgres; NaN where the system does not tell. */
  files: number;
  /** Handles of Node, besides those connections. */
  handles: number;
  /** Timers that keep the process alive. */
  timers: number;
  /** Events in its window, and in the table. */
  window: number;
  events: number;
}

const MIB = 2 ** 20;

export async function vitalsOf(http: HttpClient, database: TestDatabase): Promise<Vitals> {
  const metrics = await readMetrics(http);
  const [row] = await database.query<{ connections: number; idleInTransaction: number; events: number }>(
    `SELECT count(*)::integer AS connections, (count(*) FILTER (WHERE state LIKE 'idle in transaction%'))::integer AS "idleInTransaction",
       (SELECT count(*)::integer FROM validity_events) AS events
     FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'portcullis%'`,
  );
  const { connections, idleInTransaction, events } = row ?? { connections: NaN, idleInTransaction: NaN, events: NaN };
  const metric = (name: string): number => metrics.get(name) ?? NaN;
  return {
    memory: metric('process_resident_memory_bytes') / MIB,
    heap: metric('nodejs_heap_size_used_bytes') / MIB,
    cpu: metric('process_cpu_seconds_total'),
    connections,
    idleInTransaction,
    files: metric('process_open_fds') - connections,
    handles: metric('nodejs_active_handles_total') - connections,
    timers: metrics.get('nodejs_active_resources{type="Timeout"}') ?? 0,
    window: metric('portcullis_validity_window_events'),
    events,
  };
}
