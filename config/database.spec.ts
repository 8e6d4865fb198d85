import { describe, expect, it } from '@jest/globals';
import { dataSourceOptions, migrationOptions } from './database.js';

const connection = { url: 'postgres://someone@localhost/somewhere' };

describe('the pool that requests run on', () => {
  it('ends what takes too long, on the server first', () => {
    const options = dataSourceOptions(connection, { databasePoolSize: 7, databasePrepared: true });
    expect(options).toMatchObject({
      connectTimeoutMS: 2_000,
      extra: { statement_timeout: 5_000, query_timeout: 6_000 },
    });
  });

  it('sets no parameter at start-up that an old pooler would refuse', () => {
    const options = dataSourceOptions(connection, { databasePoolSize: 7, databasePrepared: false });
    expect(options).toHaveProperty('extra', { query_timeout: 6_000, keepAlive: true });
    expect(options).toHaveProperty('poolSize', 7);
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
