import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, HttpClient } from '../support/http.js';
import { clientToken, createAudience, createClient } from '../support/oauth.js';
import { verdict } from '../support/people.js';

let app: TestApp;
/** Another instance on the same database. */
let other: TestApp;
let admins: HttpClient[];

beforeAll(async () => {
  // Enough connections that none of the requests here waits too long for one.
  const env = { PORTCULLIS_DATABASE_POOL_SIZE: '15' };
  app = await startApp({ env });
  other = await startApp({ env, database: app.database });
  const admin = await app.admin();
  admins = [admin, await other.admin()];
});
afterAll(async () => {
  await other.close();
  await app.close();
});

const admin = (n = 0): HttpClient => admins[n % admins.length] as HttpClient;
/** A busy machine may answer 503: not done, come again. */
async function patiently<Body>(send: () => Promise<Answer<Body>>): Promise<Answer<Body>> {
  for (let attempt = 1; ; attempt++) {
    const answer = await send();
    if (answer.status !== 503 || attempt === 20) return answer;
  }
}

/** All of them at once. */
function race<Body>(count: number, send: (n: number) => Promise<Answer<Body>>): Promise<Answer<Body>[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => patiently(() => send(n))));
}

function tally(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

describe('at the same time, at two instances', () => {
  it('fifty secrets are asked for, and one is made beside the first', async () => {
    const { clientId } = await createClient(admin());
    const answers = await race(50, (n) => admin(n).post(`/v1/clients/${clientId}/secrets`, {}));
    expect(tally(answers)).toEqual({ 201: 1, 409: 49 });
    const { body } = await admin().get<{ items: unknown[] }>(`/v1/clients/${clientId}/secrets`);
    expect(body.items).toHaveLength(2);
  });

  it('secrets are made and deleted, and never are there three', async () => {
    const { clientId } = await createClient(admin());
    const path = `/v1/clients/${clientId}/secrets`;
    const answers = await race(30, async (n) => {
      if (n % 3 > 0) return admin(n).post(path, n % 3 === 1 ? {} : { expiresPreviousInSeconds: 0 });
      const listed = await admin(n).get<{ items: { secretId: string }[] }>(path);
      if (listed.status !== 200) return listed;
      expect(listed.body.items.length).toBeLessThanOrEqual(2);
      return admin(n).delete(`${path}/${String(listed.body.items[0]?.secretId)}`);
    });
    expect(answers.filter(({ status }) => ![201, 204, 404, 409].includes(status))).toEqual([]);
  });

  it('changes under one tag are made once', async () => {
    const { clientId } = await createClient(admin(), { permissions: ['users:read'] });
    const path = `/v1/clients/${clientId}`;
    const etag = (await admin().get(path)).headers.get('etag') ?? '';
    const headers = { 'if-match': etag };
    const answers = await race(20, (n) =>
      n % 2 === 0
        ? admin(n).patch(path, { name: `name ${n}` }, { headers })
        : admin(n).put(
            `${path}/permissions`,
            { permissions: n % 4 === 1 ? ['audit:read'] : ['roles:read'] },
            { headers },
          ),
    );
    expect(tally(answers)).toEqual({ 200: 1, 412: 19 });
    const identifier = await createAudience(admin());
    const address = `/v1/audiences/${encodeURIComponent(identifier)}`;
    const changes = await race(20, (n) =>
      admin(n).patch(address, { tokenTtlSeconds: n + 1 }, { headers: { 'if-match': '"1"' } }),
    );
    expect(tally(changes)).toEqual({ 200: 1, 412: 19 });
  });

  it('one id and one identifier are given once', async () => {
    const clients = await race(10, (n) => admin(n).post('/v1/clients', { name: 'x', clientId: 'wanted' }));
    expect(tally(clients)).toEqual({ 201: 1, 409: 9 });
    const audiences = await race(10, (n) =>
      admin(n).post('/v1/audiences', { identifier: 'urn:wanted', algorithm: n % 2 === 0 ? 'RS256' : 'HS256' }),
    );
    expect(tally(audiences)).toEqual({ 201: 1, 409: 9 });
    const keys = await app.database.query(`SELECT FROM signing_keys WHERE audience = 'urn:wanted'`);
    const [made] = audiences.filter(({ status }) => status === 201);
    expect(keys).toHaveLength('secret' in (made?.body as object) ? 1 : 0);
  });

  it('a client is deleted while others change it, and nothing of it is left', async () => {
    const audience = await createAudience(admin());
    const client = await createClient(admin(), { permissions: ['users:read'], audiences: [audience] });
    const path = `/v1/clients/${client.clientId}`;
    const token = await clientToken(app.http, client);
    const answers = await race(40, (n) => {
      if (n === 20) return admin(n).delete(path);
      const changes = [
        () => admin(n).post(`${path}/secrets`, { expiresPreviousInSeconds: 0 }),
        () => admin(n).put(`${path}/permissions`, { permissions: n % 2 ? [] : ['users:read', 'audit:read'] }),
        () => admin(n).put(`${path}/audiences`, { audiences: n % 2 ? [] : [audience] }),
        () => admin(n).post(`${path}/${n % 2 ? 'disable' : 'enable'}`),
      ];
      return (changes[n % 4] as () => Promise<Answer>)();
    });
    expect(answers.filter(({ status }) => ![200, 201, 204, 404, 409].includes(status))).toEqual([]);
    expect((await admin().get(path)).status).toBe(404);
    for (const table of ['client_secrets', 'client_permissions', 'client_audiences']) {
      expect(await app.database.query(`SELECT FROM ${table} WHERE client_id = $1`, [client.clientId])).toEqual([]);
    }
    expect(await verdict(other.http.as(token), '/v1/users')).toBe('401 client_disabled');
  });

  it('audiences and permissions are deleted while they are given to clients, and none stays behind', async () => {
    const audience = await createAudience(admin());
    await admin().post('/v1/permissions', { name: 'parcels:send' });
    // The token of the other instance's admin may be older than the permission: they hold it all the same.
    const clients = await Promise.all(Array.from({ length: 6 }, () => createClient(admin())));
    const answers = await race(26, (n) => {
      if (n === 12) return admin(n).delete(`/v1/audiences/${encodeURIComponent(audience)}`);
      if (n === 13) return admin(n).delete('/v1/permissions/parcels:send');
      const path = `/v1/clients/${String(clients[n % clients.length]?.clientId)}`;
      return n % 2
        ? admin(n).put(`${path}/audiences`, { audiences: [audience] })
        : admin(n).put(`${path}/permissions`, { permissions: ['parcels:send', 'users:read'] });
    });
    expect(answers.filter(({ status }) => ![200, 204, 400].includes(status))).toEqual([]);
    expect(await app.database.query('SELECT FROM client_audiences WHERE audience = $1', [audience])).toEqual([]);
    expect(await app.database.query(`SELECT FROM client_permissions WHERE permission_name = 'parcels:send'`)).toEqual(
      [],
    );
  });

  it('a secret is replaced many times, and one signs', async () => {
    const identifier = await createAudience(admin(), { algorithm: 'HS256' });
    const address = `/v1/audiences/${encodeURIComponent(identifier)}/secret`;
    const answers = await race(12, (n) => admin(n).post<{ secret: string; kid: string }>(address));
    expect(tally(answers)).toEqual({ 200: 12 });
    expect(new Set(answers.map(({ body }) => body.secret)).size).toBe(12);
    const active = await app.database.query<{ kid: string }>(
      `SELECT kid FROM signing_keys WHERE audience = $1 AND state = 'active'`,
      [identifier],
    );
    expect(active).toHaveLength(1);
    expect(answers.map(({ body }) => body.kid)).toContain(active[0]?.kid);
  });
});
