import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Pool, PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { startApp, type TestApp } from './support/app.js';
import { createPerson, refreshVerdict, signIn, verdict } from './support/people.js';

let app: TestApp;

beforeAll(async () => {
  app = await startApp({ env: { PORTCULLIS_DATABASE_PREPARED: 'off', PORTCULLIS_RATE_LIMITS: 'on' } });
});
afterAll(() => app.close());

it('behind a pooler that keeps no statements, none is named', async () => {
  const { master } = app.nest.get(DataSource).driver as unknown as { master: Pool };
  const connections = new Set<PoolClient>();
  master.on('acquire', (connection) => connections.add(connection));

  const ann = await createPerson(await app.admin(), ['auditor']);
  await app.http.post('/v1/auth/login', { username: ann.username, password: 'not the password' });
  const { http, refreshToken } = await signIn(app.http, ann);
  expect(await refreshVerdict(app.http, refreshToken)).toBe('refreshed');
  for (const path of ['/v1/auth/me', '/v1/users', '/v1/audit-events'])
    expect(await verdict(http, path)).toBe('accepted');
  expect((await app.http.get('/jwks.json')).status).toBe(200);
  expect((await http.post('/v1/auth/logout')).status).toBe(204);

  expect(connections.size).toBeGreaterThan(0);
  for (const connection of connections) {
    const { rows } = await connection.query('SELECT name FROM pg_prepared_statements');
    expect(rows).toEqual([]);
  }
});
