import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hashedKey, type CatchUp } from '@portcullis/verifier';
import { SubscribersService } from '../src/validity/subscribers.service.js';
import { ADMIN, startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn } from './support/people.js';

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

const ask = async (http: HttpClient, after: number, wait = 0): Promise<CatchUp> => {
  const { status, body } = await http.get<CatchUp>(`/v1/validity/events?after=${String(after)}&wait=${String(wait)}`);
  expect(status).toBe(200);
  return body;
};

describe('the feed', () => {
  it('gives the whole window after 0, and nothing after its end', async () => {
    await app.database.query(`INSERT INTO forced_expirations (scope, key, reason) VALUES ('client', 'orders', 'test')`);
    const whole = await ask(admin, 0);
    expect(whole.events).toContainEqual({ kind: 'client', key: 'orders', seq: whole.seq, reason: 'forced_expiration' });
    expect(whole).toMatchObject({ floor: 0, keepSeconds: 86400, keepAccessSeconds: 300 });
    expect(Math.abs((whole.now ?? 0) - Date.now())).toBeLessThan(5_000);
    expect(await ask(admin, whole.seq)).toMatchObject({ seq: whole.seq, events: [] });
  });

  it('names no user, session or token', async () => {
    const { seq } = await ask(admin, 0);
    const person = await createPerson(admin);
    await admin.post(`/v1/users/${person.id}/disable`);
    const { events } = await ask(admin, seq);
    expect(events.map(({ kind, key, reason }) => [kind, key, reason])).toEqual([
      ['user', hashedKey('user', person.id), 'user_disabled'],
    ]);
  });

  it('answers who waits as soon as something happens, through whichever instance and in SQL', async () => {
    const { seq } = await ask(admin, 0);
    const elsewhere = other.http.as((await signIn(other.http, ADMIN)).accessToken);
    const waiting = [ask(admin, seq, 30), ask(admin, seq, 30), ask(elsewhere, seq, 30)];
    await app.database.query(
      `INSERT INTO forced_expirations (scope, key, reason) VALUES ('client', 'billing', 'test')`,
    );
    for (const answer of await Promise.all(waiting)) {
      expect(answer.events.map(({ key }) => key)).toContain('billing');
      expect(answer.waitedMs).toBeLessThan(20_000);
    }
  });

  it('answers with nothing when the wait is over, and says as of when that is known', async () => {
    const { seq } = await ask(admin, 0);
    const answer = await ask(admin, seq, 0.3);
    expect(answer).toMatchObject({ seq, events: [] });
    expect(answer.waitedMs).toBeGreaterThan(100);
  });

  it('tells by its numbers who must begin anew: ahead of it, or behind what it still knows', async () => {
    const { seq } = await ask(admin, 0);
    expect(await ask(admin, seq + 1000, 5)).toMatchObject({ seq, events: [] });
    const before = await app.database.query<{ floor: string }>('SELECT floor FROM validity_clock');
    await app.database.query('UPDATE validity_clock SET floor = 5');
    try {
      // Of a token minted before there was any event, it could no longer be told whether one ended it.
      const { http } = await signIn(app.http, ADMIN);
      expect(await ask(http, 3, 5)).toMatchObject({ seq, floor: 5, events: [] });
    } finally {
      await app.database.query('UPDATE validity_clock SET floor = $1', [before[0]?.floor]);
    }
  });

  it('gives a subscriber of another instance, at whose position it never stood, what that lacks and no more', async () => {
    const { seq, events } = await ask(admin, 0);
    const fresh = await startApp({ database: app.database });
    try {
      const there = fresh.http.as((await signIn(fresh.http, ADMIN)).accessToken);
      const oldest = Math.min(...events.map((event) => event.seq));
      const behind = await ask(there, oldest);
      const lacked = events.filter((event) => event.seq > oldest);
      expect(lacked.length).toBeGreaterThan(1);
      expect(behind.seq).toBe(seq);
      expect(new Set(behind.events.map(({ key }) => key))).toEqual(new Set(lacked.map(({ key }) => key)));
    } finally {
      await fresh.close();
    }
  });

  it('sends a window of thousands of events whole, and applies to it what happens meanwhile', async () => {
    await app.database.query(
      `INSERT INTO forced_expirations (scope, key, reason) SELECT 'client', 'many-' || i, 'test' FROM generate_series(1, 5000) i`,
    );
    const [whole] = await Promise.all([
      ask(admin, 0),
      app.database.query(`INSERT INTO forced_expirations (scope, key, reason) VALUES ('client', 'meanwhile', 'test')`),
    ]);
    const keys = new Set(whole.events.map(({ key }) => key));
    for (let i = 1; i <= 5_000; i++) if (!keys.has(`many-${i}`)) throw new Error(`many-${i} is missing`);
    const next = await ask(admin, whole.seq);
    const all = [...keys, ...next.events.map(({ key }) => key)];
    expect(all).toContain('meanwhile');
  });

  it('sends back the nonce of each question, so that no answer that was kept on the way passes for another', async () => {
    const { seq } = await ask(admin, 0);
    const asked = ['first', 'second'].map((nonce) =>
      admin.get(`/v1/validity/events?after=${seq}&wait=30&nonce=${nonce}`),
    );
    await app.database.query(`INSERT INTO forced_expirations (scope, key, reason) VALUES ('client', 'nonce', 'test')`);
    expect((await Promise.all(asked)).map(({ body }) => body['nonce'])).toEqual(['first', 'second']);
    expect(await ask(admin, seq)).not.toHaveProperty('nonce');
  });

  it.each([
    'after=-1',
    'after=1.5',
    'after=x',
    'after=9007199254740993',
    'wait=31',
    'wait=-1',
    'wait=soon',
    'nonce=',
    'nonce=a%20b',
    'other=1',
  ])('refuses %s', async (query) => {
    expect((await admin.get(`/v1/validity/events?${query}`)).status).toBe(400);
  });

  it('is for those who may read it', async () => {
    const nobody = await createPerson(admin);
    expect((await (await signIn(app.http, nobody)).http.get('/v1/validity/events')).status).toBe(403);
    expect((await app.http.get('/v1/validity/events')).status).toBe(401);
  });

  it('lets nobody wait who waits while the service stops', async () => {
    const stopping = await startApp({ database: app.database });
    const there = stopping.http.as((await signIn(stopping.http, ADMIN)).accessToken);
    const { seq } = await ask(there, 0);
    const waiting = ask(there, seq, 30);
    while ((await stopping.http.get<string>('/metrics')).body.includes('portcullis_feed_waiting 0')) continue;
    const before = performance.now();
    await Promise.all([stopping.close(), waiting]);
    expect(performance.now() - before).toBeLessThan(10_000);
  });
});

describe('the list of subscribers', () => {
  it('shows who follows through any instance, and how far behind', async () => {
    const { seq } = await ask(admin, 0);
    const headers = { 'portcullis-subscriber': 'orders-1' };
    expect((await admin.get(`/v1/validity/events?after=${seq}`, { headers })).status).toBe(200);
    expect(
      (await admin.get('/v1/validity/events', { headers: { 'portcullis-subscriber': 'no such name' } })).status,
    ).toBe(400);
    await app.nest.get(SubscribersService, { strict: false }).write();
    await app.database.query(`INSERT INTO forced_expirations (scope, key, reason) VALUES ('client', 'later', 'test')`);
    const { body } = await admin.get<{ items: Record<string, unknown>[] }>('/v1/validity/subscribers');
    expect(body.items.find(({ subscriber }) => subscriber === 'orders-1')).toMatchObject({ position: seq, behind: 1 });
  });

  it('knows whoever was just given the whole window to have it', async () => {
    const headers = { 'portcullis-subscriber': 'fresh' };
    const { body: whole } = await admin.get<CatchUp>('/v1/validity/events?after=0', { headers });
    await app.nest.get(SubscribersService, { strict: false }).write();
    const { body } = await admin.get<{ items: Record<string, unknown>[] }>('/v1/validity/subscribers');
    const item = body.items.find(({ subscriber }) => subscriber === 'fresh');
    expect(item).toMatchObject({ position: whole.seq, behind: 0 });
  });

  it('knows 2,000 of one client at most, those seen last, and counts no more than 1,000 events for each', async () => {
    const subscribers = app.nest.get(SubscribersService, { strict: false });
    for (const round of ['old', 'new']) {
      for (let n = 0; n < 2_000; n++) subscribers.seen('flooding', `${round}-${String(n)}`, 0);
      await subscribers.write();
    }
    const rows = await app.database.query(
      `SELECT count(*)::integer AS count, min(subscriber) AS first FROM validity_subscribers WHERE client_id = 'flooding'`,
    );
    expect(rows).toEqual([{ count: 2_000, first: 'new-0' }]);
    await app.database.query(
      `INSERT INTO validity_events SELECT 'client', 'behind-' || n, c.seq, 'test', clock_timestamp(), clock_timestamp() + interval '1 day'
         FROM validity_clock c, generate_series(1, 1100) n`,
    );
    const { items } = await subscribers.list({ limit: 200 });
    const behind = items.filter(({ clientId }) => clientId === 'flooding').map((item) => item.behind);
    expect(new Set(behind)).toEqual(new Set([1_000]));
  });
});
