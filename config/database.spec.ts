import { describe, expect, it } from '@jest/globals';
import { dataSourceOptions, migrationOptions } from './database.js';

const connection = { url: 'postgres://someone@localhost/somewhere' };

describe('the pool that requests run on', () => {
  it('ends what takes too long, on the server first', () => {
    const { extra } = dataSourceOptions(connection, { databasePoolSize: 7, databasePrepared: true });
    const { statement_timeout, query_timeout } = extra as { statement_timeout: number; query_timeout: number };
    expect(statement_timeout).toBe(5_000);
    expect(query_timeout).toBeGreaterThan(statement_timeout);
  });

  it('sets no parameter at start-up that an old pooler would refuse', () => {
    const { extra, poolSize } = dataSourceOptions(connection, { databasePoolSize: 7, databasePrepared: false });
    expect(extra).toEqual({ query_timeout: 6_000, keepAlive: true });
    expect(poolSize).toBe(7);
  });

  it('never changes the schema by itself', () => {
    const options = dataSourceOptions(connection, { databasePoolSize: 7, databasePrepared: true });
    expect(options).toMatchObject({ url: connection.url, installExtensions: false });
    expect(options).not.toHaveProperty('synchronize');
    expect(options).not.toHaveProperty('migrations');
  });
});

describe('the connection that migrations run on', () => {
  it('has no time limit, and commits each migration by itself', () => {
    const options = migrationOptions(connection);
    expect(options).toMatchObject({ migrationsTransactionMode: 'each', migrations: expect.any(Array) });
    expect(options).not.toHaveProperty('extra');
  });
});
