import type { TestDatabase } from './database.js';

/** Where the validity window stands. */
export async function clockOf(database: TestDatabase): Promise<string> {
  const [row] = await database.query<{ seq: string }>('SELECT seq FROM validity_clock');
  return row?.seq ?? '';
}

export interface RecordedEvent {
  kind: string;
  key: string;
  reason: string;
}

/** What the database recorded since `before`, by kind and key. */
export async function eventsSince(database: TestDatabase, before: string): Promise<RecordedEvent[]> {
  return database.query<RecordedEvent>(
    'SELECT kind, key, reason FROM validity_events WHERE seq > $1 ORDER BY kind, key',
    [before],
  );
}
