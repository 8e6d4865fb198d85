import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { randomInt } from 'node:crypto';
import { Client } from 'pg';
import { PasswordHasher } from '../../src/users/password-hasher.js';
import { ADMIN, startApp, type TestApp } from '../support/app.js';
import type { Answer, HttpClient } from '../support/http.js';
import { KeepAlive } from './support/keep-alive.js';
import { anyOf, createClient, createPerson, tally, type Known, type KnownClient } from './support/known-parties.js';
import { sized } from './support/size.js';
import { knownToken, Timeline, type Change, type KnownToken, type Verdict } from './support/timeline.js';

jest.setTimeout(1_200_000);

/** Distinct ones, each used at least once; fewer on a machine that is too slow for them. */
const TOKENS = sized(100_000);
const MOST_MINUTES = 14;
const CLIENTS = 8;
/** Of the uses of those who use, so many are of tokens of people rather than of a client's new one. */
const SHARE_OF_PEOPLE = 0.1;
const PEOPLE = 40;
const ISSUERS = 1;
const CHANGERS = 3;
/** Connections to each instance over which tokens are used. */
const USERS_PER_INSTANCE = 32;
const TOKENS_KEPT = 25;
const PASSWORDS = ['the first of two passwords', 'the second of two passwords'];
/** Behind the guards for tokens and for permissions, and no further than the shape of the id: 404 is an acceptance, and so is 403. */
const GUARDED = '/v1/users/none';

const timeline = new Timeline();
const everyone = { version: 0 };
const people: Known[] = [];
const clients: KnownClient[] = [];
const verdicts = { byTime: tally(), byNumber: tally(), refresh: tally(), login: tally(), client: tally() };
const wrong: string[] = [];
let apps: TestApp[];
let admin: HttpClient;
let hashes: string[];
let used = 0;
/** Answers that nothing could be known in time: no decision, and so neither right nor wrong. */
let shed = 0;
let minted = 0;

beforeAll(async () => {
  // Quick to sign by: there is much to be signed.
  const env = { PORTCULLIS_SIGNING_ALGORITHM: 'EdDSA' };
  const first = await startApp({ env });
  apps = [first, await startApp({ env, database: first.database })];
  admin = await first.admin();
  await admin.post('/v1/roles', { name: 'reader', permissions: ['users:read'] });
  hashes = await Promise.all(PASSWORDS.map((password) => first.nest.get(PasswordHasher).hash(password)));
  for (let n = 0; n < PEOPLE; n++) people.push(await newPerson());
  for (let n = 0; n < CLIENTS; n++) clients.push(await createClient(admin, n));
});
afterAll(async () => {
  for (const app of [...apps].reverse()) await app.close();
});

const instance = (): TestApp => apps[randomInt(apps.length)] as TestApp;
const newPerson = (): Promise<Known> => createPerson((apps[0] as TestApp).database, hashes[0]);
let deadline = Infinity;
const done = (): boolean => minted >= TOKENS || wrong.length > 0 || performance.now() > deadline;

function count(into: Record<Verdict, number>, verdict: Verdict, what: () => string): void {
  into[verdict]++;
  if (verdict.startsWith('wrong')) wrong.push(`${verdict}: ${what()}`);
}

async function use(connection: KeepAlive, token: KnownToken): Promise<void> {
  const from = performance.now();
  const status = await connection.get(GUARDED, token.value);
  const span = { from, to: performance.now() };
  if (status === 503) {
    shed++;
    return;
  }
  if (![401, 403, 404].includes(status)) wrong.push(`status ${status}`);
  const { byTime, byNumber } = timeline.judge(token, span, status !== 401);
  const what = () => JSON.stringify({ status, ...span, ...token, value: undefined });
  count(verdicts.byTime, byTime, what);
  count(verdicts.byNumber, byNumber, what);
  used++;
}

/** Logs in, or refreshes a session, and says whether that was right. */
async function issue(person: Known): Promise<void> {
  const session = randomInt(3) > 0 ? person.sessions.shift() : undefined;
  const before = `${person.version} ${everyone.version}`;
  const from = performance.now();
  const { http } = instance();
  const answer: Answer<Record<string, string>> = session
    ? await http.post('/v1/auth/refresh', { refresh_token: session.refreshToken })
    : await http.post('/v1/auth/login', { username: person.username, password: PASSWORDS[person.password] });
  const span = { from, to: performance.now() };
  if (answer.status === 503) {
    shed++;
    return;
  }
  const accepted = answer.status === 200;
  if (!accepted && answer.status !== 401) wrong.push(`${answer.status} ${JSON.stringify(answer.body)}`);
  if (session) {
    count(verdicts.refresh, timeline.judgeRefresh(session.first, span, accepted), () => `refresh ${person.id}`);
  } else {
    const undisturbed = before === `${person.version} ${everyone.version}` && /^\d*[02468] \d*[02468]$/.test(before);
    const open: Verdict = undisturbed ? (accepted ? 'wrong acceptance' : 'wrong refusal') : 'open';
    count(
      verdicts.login,
      undisturbed && accepted === person.active ? 'right' : open,
      () =>
        `login of ${person.id} answered ${answer.status}, versions ${before}, after: ${timeline.latest()}, asked ${span.from} ${span.to}`,
    );
    // Failures that a change brought about must not lock the account.
    if (!accepted) await (apps[0] as TestApp).database.query('DELETE FROM rate_limits');
  }
  if (!accepted) return;
  minted++;
  const token = knownToken(String(answer.body['access_token']), span);
  person.tokens.push(token);
  if (person.tokens.length > TOKENS_KEPT) person.tokens.shift();
  person.sessions.push({ first: session?.first ?? token, refreshToken: String(answer.body['refresh_token']) });
  if (person.sessions.length > 5) person.sessions.shift();
}

/** A client asks for a token, which is right when it may have one, and uses it. */
async function issueToClient(connection: KeepAlive, client: KnownClient): Promise<void> {
  const before = client.version;
  const from = performance.now();
  const { status, body } = await connection.postForm(
    '/oauth/token',
    client,
    'grant_type=client_credentials&scope=users%3Aread',
  );
  const minting = { from, to: performance.now() };
  if (status === 503) {
    shed++;
    return;
  }
  // Without the permission that it asks for, it is 400.
  if (![200, 400, 401].includes(status)) wrong.push(`a client is answered ${status} ${body}`);
  const accepted = status === 200;
  const undisturbed = before === client.version && before % 2 === 0;
  const open: Verdict = undisturbed ? (accepted ? 'wrong acceptance' : 'wrong refusal') : 'open';
  count(
    verdicts.client,
    undisturbed && accepted === client.active ? 'right' : open,
    () => `${client.clientId} is answered ${status} ${body}`,
  );
  if (!accepted) return;
  minted++;
  const token = knownToken((JSON.parse(body) as { access_token: string }).access_token, minting);
  client.tokens.push(token);
  if (client.tokens.length > TOKENS_KEPT) client.tokens.shift();
  await use(connection, token);
}

async function changeClient(sql: Client): Promise<KnownClient | undefined> {
  const client = anyOf(clients.filter(({ version }) => version % 2 === 0));
  if (!client) return undefined;
  const { clientId } = client;
  const ofClient = (what: string) => ({
    what,
    endsSessions: false,
    concerns: (token: KnownToken) => token.clientId === clientId,
  });
  const choice = randomInt(100);
  client.version++;
  if (!client.active) {
    await sql.query(`UPDATE clients SET status = 'active' WHERE client_id = $1`, [clientId]);
    client.active = true;
  } else if (choice < 30) {
    const statement = `UPDATE clients SET status = 'disabled' WHERE client_id = $1`;
    await timeline.inSql(sql, ofClient('client'), statement, clientId);
    client.active = false;
  } else if (choice < 50) {
    await overHttp(ofClient('client'), (http) => http.post(`/v1/clients/${clientId}/disable`));
    client.active = false;
  } else if (choice < 75) {
    const statement = `INSERT INTO forced_expirations (scope, key, reason) VALUES ('client', $1, 'proof')`;
    await timeline.inSql(sql, ofClient('forced'), statement, clientId);
  } else {
    await timeline.inSql(sql, ofClient('less'), 'DELETE FROM client_permissions WHERE client_id = $1', clientId);
    await sql.query(`INSERT INTO client_permissions VALUES ($1, 'users:read')`, [clientId]);
  }
  client.version++;
  return client;
}

/** A login of the admin, which an expiration of everything may overtake before its token is made. */
async function adminAgain(): Promise<HttpClient> {
  const { http } = apps[0] as TestApp;
  for (let attempt = 1; ; attempt++) {
    const { status, body } = await http.post<Record<string, string>>('/v1/auth/login', ADMIN);
    if (status === 200) return http.as(String(body['access_token']));
    if (attempt === 5) throw new Error(`the admin cannot log in: ${status} ${JSON.stringify(body)}`);
  }
}

/** A request of the admin, who logs in again when an expiration ended that session too. */
async function overHttp(
  change: Omit<Change, 'from' | 'to' | 'seq'> | null,
  send: (http: HttpClient) => Promise<Answer>,
) {
  const begun = change && timeline.begin(change);
  for (;;) {
    const { status } = await send(admin);
    if (status < 300) break;
    if (status !== 401) throw new Error(`the admin is answered ${status}`);
    admin = await adminAgain();
  }
  if (begun) begun.to = performance.now();
}

async function changeSomething(client: Client): Promise<Known | undefined> {
  const person = anyOf(people.filter(({ version }) => version % 2 === 0));
  if (!person) return undefined;
  const { id } = person;
  const token = anyOf(person.tokens);
  const ofUser = (what: string) => ({ what, endsSessions: true, concerns: ({ sub }: KnownToken) => sub === id });
  const path = `/v1/users/${id}`;
  const choice = randomInt(100);
  const ends = (scope: string, key: string, what: Omit<Change, 'from' | 'to' | 'seq'>) =>
    timeline.inSql(
      client,
      what,
      `INSERT INTO forced_expirations (scope, key, reason) VALUES ($1, $2, 'proof')`,
      scope,
      key,
    );
  const all = choice >= 98;
  if (all && everyone.version % 2 === 1) return undefined;
  person.version++;
  if (all) everyone.version++;
  if (choice < 15) {
    await timeline.inSql(client, ofUser('disabled'), `UPDATE users SET status = 'disabled' WHERE id = $1`, id);
    person.active = false;
  } else if (choice < 25) {
    await overHttp(ofUser('disabled'), (http) => http.post(`${path}/disable`));
    person.active = false;
  } else if (choice < 45) {
    await client.query(`UPDATE users SET status = 'active' WHERE id = $1`, [id]);
    person.active = true;
  } else if (choice < 55) {
    const next = 1 - person.password;
    const statement = 'UPDATE users SET password_hash = $2 WHERE id = $1';
    await timeline.inSql(client, ofUser('password'), statement, id, hashes[next]);
    person.password = next;
  } else if (choice < 60) {
    const next = 1 - person.password;
    await overHttp(ofUser('password'), (http) => http.patch(path, { password: PASSWORDS[next] }));
    person.password = next;
  } else if (choice < 65) {
    await overHttp({ ...ofUser('facts'), endsSessions: false }, (http) => http.put(`${path}/roles`, { roles: [] }));
    await overHttp(null, (http) => http.put(`${path}/roles`, { roles: ['reader'] }));
  } else if (choice < 72 && token) {
    const session = { what: 'session', endsSessions: true, concerns: ({ sid }: KnownToken) => sid === token.sid };
    await timeline.inSql(client, session, 'UPDATE sessions SET revoked_at = now() WHERE id = $1', token.sid);
  } else if (choice < 80 && token) {
    const one = { what: 'jti', endsSessions: false, concerns: ({ jti }: KnownToken) => jti === token.jti };
    await ends('token', token.jti, one);
  } else if (choice < 88) {
    await ends('user', id, ofUser('forced'));
  } else if (choice < 92) {
    await client.query(`BEGIN; UPDATE users SET status = 'disabled'; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK`);
  } else if (choice < 96) {
    await timeline.inSql(client, ofUser('deleted'), 'DELETE FROM users WHERE id = $1', id);
    person.active = false;
    people[people.indexOf(person)] = await newPerson();
  } else if (choice < 98) {
    const role = {
      what: 'role',
      endsSessions: false,
      concerns: ({ clientId, scope }: KnownToken) => clientId === 'portcullis' && scope.includes('users:read'),
    };
    await timeline.inSql(client, role, `DELETE FROM role_permissions WHERE role_name = 'reader'`);
    await client.query(`INSERT INTO role_permissions VALUES ('reader', 'users:read') ON CONFLICT DO NOTHING`);
  } else if (choice < 99) {
    await ends('global', '*', { what: 'global', endsSessions: true, concerns: () => true });
  } else {
    const { rows } = await client.query<{ kid: string }>(`SELECT kid FROM signing_keys WHERE state = 'active'`);
    const gone = rows[0]?.kid ?? '';
    const key = { what: 'key', endsSessions: false, concerns: ({ kid }: KnownToken) => kid === gone };
    await timeline.inSql(
      client,
      key,
      `UPDATE signing_keys SET state = 'revoked', private_key = NULL WHERE kid = $1`,
      gone,
    );
  }
  if (all) everyone.version++;
  person.version++;
  return person;
}

it(`issues and uses ${TOKENS} tokens on two instances while others end them`, async () => {
  const opened: KeepAlive[] = [];
  const open = async (app: TestApp): Promise<KeepAlive> => {
    const connection = await KeepAlive.open(app.url);
    opened.push(connection);
    return connection;
  };

  const issuer = async (): Promise<void> => {
    while (!done()) await issue(anyOf(people) as Known);
  };
  const user = async (app: TestApp): Promise<void> => {
    const connection = await open(app);
    while (!done()) {
      if (Math.random() >= SHARE_OF_PEOPLE) {
        const client = anyOf(clients) as KnownClient;
        // One that is disabled is not asked for all the time: what it costs to refuse it is not the point.
        if (client.active || randomInt(20) === 0) await issueToClient(connection, client);
        continue;
      }
      const token = anyOf(anyOf(people)?.tokens ?? []);
      if (token) await use(connection, token);
      else await issue(anyOf(people) as Known);
    }
  };
  const changer = async (): Promise<void> => {
    const client = new Client({ connectionString: (apps[0] as TestApp).database.url });
    await client.connect();
    const connections = await Promise.all(apps.map(open));
    while (!done()) {
      const person = randomInt(4) === 0 ? undefined : await changeSomething(client);
      const changed = person ?? (await changeClient(client));
      // The very next requests, everywhere.
      for (const token of changed?.tokens.slice(-4) ?? []) {
        await Promise.all(connections.map((connection) => use(connection, token)));
      }
      if (person && randomInt(2) === 0) await issue(person);
    }
    await client.end();
  };
  deadline = performance.now() + MOST_MINUTES * 60_000;
  for (const person of people) await issue(person);
  await Promise.all([
    ...Array.from({ length: ISSUERS }, issuer),
    ...Array.from({ length: CHANGERS }, changer),
    ...apps.flatMap((app) => Array.from({ length: USERS_PER_INSTANCE }, () => user(app))),
  ]);
  for (const connection of opened) connection.close();
  const { byTime, byNumber, refresh, login, client } = verdicts;
  console.log(
    `proof: ${used} uses (and ${shed} answered 503) of ${minted} tokens (of ${TOKENS}, in ${MOST_MINUTES} minutes at most) during ${timeline.changes.length} changes: ${JSON.stringify({ byTime, byNumber, refresh, login, client })}`,
  );
  expect(wrong).toEqual([]);
  expect(byTime.open).toBeLessThan(used / 5);
  expect(shed).toBeLessThan(used / 100);
  expect(minted).toBeGreaterThan(TOKENS / 4);
});
