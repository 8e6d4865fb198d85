import { Client } from 'pg';
import type { TestDatabase } from './database.js';

/** A connection of its own, for settings and transactions. */
export async function connectTo(database: TestDatabase, user?: string): Promise<Client> {
  const url = new URL(database.url);
  if (user !== undefined) url.username = user;
  const client = new Client({ connectionString: url.href });
  await client.connect();
  return client;
}

/** A connection as superuser; with TEST_DATABASE_URL, as the user that it names, who must be one. */
export function connectAsSuperuser(database: TestDatabase): Promise<Client> {
  return connectTo(database, process.env.TEST_DATABASE_URL ? undefined : 'postgres');
}

/** Columns of the one row that a statement returns. */
export async function one(client: Client, statement: string, params?: unknown[]): Promise<Record<string, unknown>> {
  const { rows } = await client.query<Record<string, unknown>>(statement, params);
  return rows[0] ?? {};
}
