import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ExpiredRows } from '../src/database/expired-rows.js';
import { startApp, type TestApp } from './support/app.js';
import { holderOf } from './support/holders.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn, verdict } from './support/people.js';

const ISSUER = 'http://localhost:3000';
const MANY = 1000;

let app: TestApp;
let other: TestApp;
let admin: HttpClient;

beforeAll(async () => {
  app = await startApp();
  other = await startApp({ database: app.database });
  admin = await app.admin();
});
afterAll(async () => {
  await other.close();
  await app.close();
});

type Body = Record<string, unknown>;
interface Page {
  items: Body[];
  nextCursor: string | null;
}

interface Generated {
  jti: string;
  bearer: HttpClient;
  /** The same token, sent to the other instance. */
  elsewhere: HttpClient;
}

async function generate(body: Body = {}, http = admin): Promise<Generated> {
  const answer = await http.post('/v1/tokens', { audience: ISSUER, ttlSeconds: 600, ...body });
  expect([answer.status, answer.body]).toEqual([201, answer.body]);
  const token = String(answer.body['access_token']);
  return { jti: String(answer.body['jti']), bearer: app.http.as(token), elsewhere: other.http.as(token) };
}

const list = async (query: string): Promise<Page> => (await admin.get<Page>(`/v1/tokens?${query}`)).body;
const jtisOf = ({ items }: Page): unknown[] => items.map(({ jti }) => jti);

describe('the list of generated tokens', () => {
  it('has them newest first, page by page, without the tokens themselves', async () => {
    const subject = (await createPerson(admin)).id;
    const made: string[] = [];
    for (let n = 0; n < 7; n++) made.unshift((await generate({ subject, permissions: ['users:read'] })).jti);
    const seen: unknown[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Page = await list(`subject=${subject}&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect(page.items.length).toBeLessThanOrEqual(3);
      seen.push(...jtisOf(page));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(made);
    const [newest] = (await list(`subject=${subject.toUpperCase()}&limit=1`)).items;
    expect(newest).toEqual({
      jti: made[0],
      subject,
      audience: ISSUER,
      clientId: 'portcullis',
      kid: expect.any(String),
      roles: [],
      permissions: ['users:read'],
      generatedByType: 'user',
      generatedBy: expect.any(String),
      createdAt: expect.any(String),
      notBefore: null,
      expiresAt: expect.any(String),
      revokedAt: null,
      revokedBy: null,
    });
  });

  it('goes through those of one moment, whatever their number', async () => {
    const subject = 'urn:moment';
    await app.database.query(
      `INSERT INTO generated_tokens (jti, subject, audience, client_id, kid, generated_by_type, generated_by, created_at, expires_at)
       SELECT 'm' || n, $1, 'urn:x', 'portcullis', 'k', 'system', 'system', '2026-01-01 00:00:00.123456Z', 'infinity'
       FROM generate_series(1, 25) n`,
      [subject],
    );
    const first = await list(`subject=${subject}&limit=10`);
    const second = await list(`subject=${subject}&limit=10&cursor=${String(first.nextCursor)}`);
    const third = await list(`subject=${subject}&limit=10&cursor=${String(second.nextCursor)}`);
    expect(new Set([first, second, third].flatMap(jtisOf)).size).toBe(25);
    expect(third.nextCursor).toBeNull();
    await app.database.query(`DELETE FROM generated_tokens WHERE subject = $1`, [subject]);
  });

  it('can be had for one audience, and for those that are alive', async () => {
    const audience = 'urn:example:filter';
    await admin.post('/v1/audiences', { identifier: audience, algorithm: 'RS256' });
    const [alive, revoked] = [await generate({ audience, subject: 'a' }), await generate({ audience, subject: 'b' })];
    await admin.delete(`/v1/tokens/${revoked.jti}`);
    expect(jtisOf(await list(`audience=${audience}`))).toEqual([revoked.jti, alive.jti]);
    expect(jtisOf(await list(`audience=${audience}&active=true`))).toEqual([alive.jti]);
    expect(jtisOf(await list(`audience=${audience}&active=false&subject=b`))).toEqual([revoked.jti]);
  });

  it.each([
    'active=yes',
    'limit=0',
    'cursor=abc',
    `subject=${'x'.repeat(201)}`,
    'jti=x',
    'cursor=MjAyNi05OS05OVQ5OTo5OTo5OS4xMjM0NTZaIGE',
  ])('answers 400 to %s', async (query) => {
    expect((await admin.get(`/v1/tokens?${query}`)).status).toBe(400);
  });

  it('is for those who may generate', async () => {
    const { client } = await holderOf(admin, ['tokens:revoke', 'tokens:explain']);
    expect((await client.get('/v1/tokens')).status).toBe(403);
  });
});

describe('a revoked token', () => {
  it('is refused at the very next request, at every instance, and stays revoked', async () => {
    const { jti, bearer, elsewhere } = await generate();
    expect([await verdict(bearer), await verdict(elsewhere)]).toEqual(['accepted', 'accepted']);
    expect((await admin.delete(`/v1/tokens/${jti}`)).status).toBe(204);
    expect([await verdict(elsewhere), await verdict(bearer)]).toEqual(['401 token_revoked', '401 token_revoked']);
    const [row] = (await list('limit=1')).items;
    expect(row).toMatchObject({ jti, revokedAt: expect.any(String), revokedBy: expect.any(String) });
    expect((await (await other.admin()).delete(`/v1/tokens/${jti}`)).status).toBe(204);
    expect((await list('limit=1')).items).toEqual([row]);
    const audited = await admin.get<Page>(`/v1/audit-events?action=token.revoked&targetId=${jti}`);
    expect(audited.body.items).toHaveLength(1);
  });

  it('is none that does not exist', async () => {
    for (const jti of ['nobody', 'a%20b', '%00', 'x'.repeat(65)])
      expect((await admin.delete(`/v1/tokens/${jti}`)).status).toBe(404);
  });

  it('is taken back by who generated it, or by who holds as much', async () => {
    const { client: weak } = await holderOf(admin, ['tokens:revoke', 'tokens:generate', 'users:read']);
    const { client: reader } = await holderOf(admin, ['users:read']);
    const own = await generate({ permissions: ['users:read'] }, weak);
    const strong = await generate({ permissions: ['keys:read'], subject: 'device', audience: await audience() });
    const byRole = await generate({ roles: ['auditor'] });
    const about = await generate({ subject: (await createPerson(admin, ['auditor'])).id });
    const harmless = await generate({ permissions: ['users:read'], subject: (await createPerson(admin)).id });
    expect((await weak.delete(`/v1/tokens/${strong.jti}`)).status).toBe(403);
    expect((await weak.delete(`/v1/tokens/${byRole.jti}`)).status).toBe(403);
    expect((await weak.delete(`/v1/tokens/${about.jti}`)).status).toBe(403);
    expect(await verdict(about.bearer)).toBe('accepted');
    expect((await reader.delete(`/v1/tokens/${harmless.jti}`)).status).toBe(403);
    expect((await weak.delete(`/v1/tokens/${harmless.jti}`)).status).toBe(204);
    expect((await weak.delete(`/v1/tokens/${own.jti}`)).status).toBe(204);
    expect(await verdict(own.bearer)).toBe('401 token_revoked');
  });

  async function audience(): Promise<string> {
    const identifier = 'urn:example:strong';
    await admin.post('/v1/audiences', { identifier, algorithm: 'RS256' });
    return identifier;
  }
});

describe('the tokens of a generator', () => {
  it.each([
    ['is disabled', (id: string) => admin.post(`/v1/users/${id}/disable`)],
    ['is deleted', (id: string) => admin.delete(`/v1/users/${id}`)],
  ] as const)('who %s end with the same commit, and others do not', async (_, end) => {
    const person = await createPerson(admin, ['admin']);
    const { http } = await signIn(app.http, person);
    const subject = (await createPerson(admin)).id;
    const [theirs, mine] = [await generate({ subject }, http), await generate({ subject })];
    await end(person.id);
    expect([await verdict(theirs.elsewhere), await verdict(theirs.bearer)]).toEqual([
      '401 token_revoked',
      '401 token_revoked',
    ]);
    expect(await verdict(mine.bearer)).toBe('accepted');
    const [row] = await app.database.query('SELECT revoked_by FROM generated_tokens WHERE jti = $1', [theirs.jti]);
    expect(row).toEqual({ revoked_by: 'system' });
    await app.database.query(`UPDATE users SET status = 'active' WHERE id = $1`, [person.id]);
    expect(await verdict(theirs.bearer)).toBe('401 token_revoked');
  });

  it.each([
    ['is disabled', 'POST', '/disable'],
    ['is deleted', 'DELETE', ''],
  ])('that is a client and %s end as well', async (_, method, path) => {
    const permissions = ['tokens:generate', 'users:read'];
    const { body: client } = await admin.post('/v1/clients', { name: 'Issuing', permissions, audiences: [] });
    const address = `/v1/clients/${String(client['clientId'])}`;
    const form = `grant_type=client_credentials&client_id=${String(client['clientId'])}&client_secret=${String(client['clientSecret'])}`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const { body } = await app.http.raw('POST', '/oauth/token', form, { headers });
    const subject = (await createPerson(admin)).id;
    const theirs = await generate({ subject }, app.http.as(String(body['access_token'])));
    expect(await verdict(theirs.bearer)).toBe('accepted');
    await admin.raw(method, `${address}${path}`);
    const [row] = await app.database.query('SELECT revoked_by FROM generated_tokens WHERE jti = $1', [theirs.jti]);
    expect(row).toEqual({ revoked_by: 'system' });
    // What ends the client ends what is issued to it, too; that is looked at first.
    expect(await verdict(theirs.elsewhere)).toBe('401 client_disabled');
  });

  it('stay when the generator only changes the password', async () => {
    const person = await createPerson(admin, ['admin']);
    const { http } = await signIn(app.http, person);
    const theirs = await generate({ subject: (await createPerson(admin)).id }, http);
    await app.database.query(`UPDATE users SET password_hash = 'x' WHERE id = $1`, [person.id]);
    expect(await verdict(theirs.bearer)).toBe('accepted');
  });

  it(`end for ${MANY} at once, disabled or deleted by one statement`, async () => {
    await app.database.query(
      `INSERT INTO users (id, username) SELECT gen_random_uuid(), 'many' || n FROM generate_series(1, $1::integer) n`,
      [MANY],
    );
    await app.database.query(
      `INSERT INTO generated_tokens (jti, subject, audience, client_id, kid, generated_by_type, generated_by, expires_at)
       SELECT 'many' || n || username, 'device', 'urn:x', 'portcullis', 'k', 'user', id, clock_timestamp() + interval '1 hour'
       FROM users, generate_series(1, 2) n WHERE username LIKE 'many%'`,
    );
    const mine = await generate();
    const change = async (text: string): Promise<number> => {
      const started = performance.now();
      await app.database.query(text);
      return Math.round(performance.now() - started);
    };
    const disabled = await change(
      `UPDATE users SET status = 'disabled' WHERE username LIKE 'many%' AND username < 'many5'`,
    );
    const deleted = await change(`DELETE FROM users WHERE username LIKE 'many%'`);
    console.log(
      `tokens: ${MANY} generators with 2 tokens each: disabled in ${disabled} ms, the rest deleted in ${deleted} ms`,
    );
    const left = await app.database.query(`SELECT FROM generated_tokens WHERE jti LIKE 'many%' AND revoked_at IS NULL`);
    expect(left).toEqual([]);
    const events = await app.database.query(
      `SELECT FROM validity_events WHERE kind = 'token' AND key LIKE 'many%' AND reason = 'token_revoked'`,
    );
    expect(events).toHaveLength(2 * MANY);
    expect(await verdict(mine.bearer)).toBe('accepted');
  });
});

describe('the records of expired tokens', () => {
  it('are swept away a day later, and leave no event', async () => {
    const rows = (age: string, jti: string) =>
      app.database.query(
        `INSERT INTO generated_tokens (jti, subject, audience, client_id, kid, generated_by_type, generated_by, expires_at)
         SELECT $2 || n, 'device', 'urn:x', 'portcullis', 'k', 'system', 'system', clock_timestamp() - $1::interval
         FROM generate_series(1, 1500) n`,
        [age, jti],
      );
    await rows('25 hours', 'old');
    await rows('23 hours', 'young');
    const seqOf = async () => (await app.database.query<{ seq: string }>('SELECT seq FROM validity_clock'))[0]?.seq;
    const before = await seqOf();
    expect(await app.nest.get(ExpiredRows).sweep('generated_tokens')).toBe(1500);
    expect(await seqOf()).toBe(before);
    const [left] = await app.database.query<{ count: string }>(
      `SELECT count(*) FROM generated_tokens WHERE jti LIKE 'young%'`,
    );
    expect(left?.count).toBe('1500');
  });
});
