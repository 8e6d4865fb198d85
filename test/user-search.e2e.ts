import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UserDirectory } from '../src/users/user-directory.js';
import { startApp, type TestApp } from './support/app.js';
import type { Answer, HttpClient } from './support/http.js';

let app: TestApp;
let admin: HttpClient;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
});

afterAll(() => app.close());

const newUser = (username: string) => ({ username, email: `${username}@example.org` });
const problem = ({ status, body }: Answer) => ({ status, code: (body as { code?: string }).code });
const nobody = '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11';

describe('finding users', () => {
  const listed = async (query: string): Promise<string[]> => {
    const { status, body } = await admin.get<{ items: { username: string }[] }>(`/v1/users?limit=200&${query}`);
    expect(status).toBe(200);
    return body.items.map(({ username }) => username);
  };

  it('searches by the start of name or address, in any case', async () => {
    await admin.post('/v1/users', { username: 'Zoe-search', email: 'other@search.example' });
    await admin.post('/v1/users', { username: 'other-search', email: 'ZOE-also@search.example' });
    await admin.post('/v1/users', { username: 'not-zoe-search', email: 'not-zoe@search.example' });
    expect(await listed('search=zOe-')).toEqual(['Zoe-search', 'other-search']);
    expect(await listed('search=nobody-at-all')).toEqual([]);
    expect((await listed('search=')).length).toBeGreaterThan(3);
  });

  it('takes %, _ and \\ for themselves', async () => {
    for (const username of ['like_a_b', 'likexaxb', 'like.pct']) await admin.post('/v1/users', newUser(username));
    expect(await listed('search=like_a')).toEqual(['like_a_b']);
    expect(await listed('search=like%25')).toEqual([]);
    expect(await listed('search=%25')).toEqual([]);
    expect(await listed('search=like%5C')).toEqual([]);
  });

  it('filters by status and by role, together with the search', async () => {
    const create = async (name: string, roles: string[]) =>
      (await admin.post('/v1/users', { ...newUser(name), roles })).body as { id: string; username: string };
    const disabled = await create('filter-1', []);
    const auditor = await create('filter-2', ['auditor']);
    const both = await create('filter-3', ['auditor']);
    for (const { id } of [disabled, both]) await admin.post(`/v1/users/${id}/disable`);
    expect(await listed('search=filter&status=disabled')).toEqual([disabled.username, both.username]);
    expect(await listed('search=filter&role=auditor')).toEqual([auditor.username, both.username]);
    expect(await listed('search=filter&role=auditor&status=active')).toEqual([auditor.username]);
    expect(await listed('role=no-such-role')).toEqual([]);
  });

  it('pages through all, once each, while users come and go', async () => {
    const names = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7'].map((name) => `page-${name}`);
    const ids: string[] = [];
    for (const name of names) ids.push((await admin.post('/v1/users', newUser(name))).body.id as string);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const at: string = cursor === null ? '' : `&cursor=${cursor}`;
      const { body }: Answer<{ items: { username: string }[]; nextCursor: string | null }> = await admin.get(
        `/v1/users?search=page-p&limit=3${at}`,
      );
      seen.push(...body.items.map(({ username }) => username));
      if (cursor === null) {
        await admin.delete(`/v1/users/${ids[0] ?? ''}`);
        await admin.post('/v1/users', newUser('page-p8'));
      }
      cursor = body.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual([...names, 'page-p8']);
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'cursor=x', 'status=gone', 'search=%00', 'sort=name'])(
    'refuses ?%s',
    async (query) => {
      expect(problem(await admin.get(`/v1/users?${query}`))).toEqual({ status: 400, code: 'validation_failed' });
    },
  );

  it.each(['0', 'admin', '%00', nobody, nobody.toUpperCase()])('knows no user %s', async (id) => {
    expect(problem(await admin.get(`/v1/users/${id}`))).toEqual({ status: 404, code: 'not_found' });
  });

  it('finds a few among many by the indexes', async () => {
    await app.database.query(
      `INSERT INTO users (id, username, email)
       SELECT gen_random_uuid(), 'many-' || n, 'many-' || n || '@example.org' FROM generate_series(1, 20000) n`,
    );
    await app.database.query('ANALYZE users');
    const found = app.nest.get(UserDirectory).matching({ limit: 50, search: 'zoe-', status: 'active' });
    const [sql, parameters] = found.getQueryAndParameters();
    const [plan] = await app.database.query(`EXPLAIN (FORMAT JSON) ${sql}`, parameters);
    expect(JSON.stringify(plan)).toContain('users_username_key');
    expect(JSON.stringify(plan)).toContain('users_email_key');
  });
});
