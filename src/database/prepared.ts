import type { Pool, QueryConfig } from 'pg';
import type { DataSource } from 'typeorm';
import type { Env } from '../../config/env.js';

/** Milliseconds. These read a few rows by their keys: what takes longer is a database that does not answer. */
const TIMEOUT = 2_000;

/**
 * One statement outside any transaction that Postgres parses and plans once per connection: for hot paths, where that doubles the
 * throughput (TypeORM cannot name statements). `bigint` columns come as strings.
 *
 * @param name unique to this text within the process: Postgres refuses a second text under the same name
 */
export async function prepared<Row extends object>(
  dataSource: DataSource,
  env: Pick<Env, 'databasePrepared'>,
  name: string,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> {
  const { master } = dataSource.driver as unknown as { master: Pool };
  const query: QueryConfig & { query_timeout: number } = {
    ...(env.databasePrepared && { name }),
    text,
    values: [...values],
    query_timeout: TIMEOUT,
  };
  const { rows } = await master.query(query);
  return rows as Row[];
}
