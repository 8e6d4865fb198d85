import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { DataSource, type EntityManager } from 'typeorm';
import { SecondFactors } from '../../src/auth/mfa/second-factors.service.js';
import { TotpGuesses } from '../../src/auth/mfa/totp-guesses.service.js';
import { inTransaction } from '../../src/database/transaction.js';
import { startApp, type TestApp } from '../support/app.js';
import { codeOf, enrol, forgetSteps, mfaToken, proveTotp, type Enrolled } from '../support/factors.js';
import type { Answer, HttpClient } from '../support/http.js';
import { postForm } from '../support/oauth.js';
import { createPerson, refreshVerdict, signIn, verdict, type Person } from '../support/people.js';
import { SoftwarePasskey } from '../support/software-passkey.js';

jest.setTimeout(120_000);

const AT_ONCE = 50;
const ROUNDS = 3;
const ENV = { PORTCULLIS_DATABASE_POOL_SIZE: '20', PORTCULLIS_MFA_REQUIRED_ROLES: 'operator' };

type Body = Record<string, unknown>;

let apps: [TestApp, TestApp];
let admin: HttpClient;

beforeAll(async () => {
  const one = await startApp({ env: ENV });
  apps = [one, await startApp({ database: one.database, env: ENV })];
  admin = await one.admin();
  await admin.post('/v1/roles', { name: 'operator', permissions: [] });
});
afterAll(async () => {
  const [one, two] = apps;
  await two.close();
  await one.close();
});

const instance = (n: number): TestApp => apps[n % 2 === 0 ? 0 : 1];
const newcomer = async (): Promise<Enrolled> => enrol(apps[0], await createPerson(admin));
const rush = <T>(send: (app: TestApp, n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: AT_ONCE }, (_, n) => send(instance(n), n)));
const prove = { totp: '/v1/auth/mfa/totp', recovery: '/v1/auth/mfa/recovery' };
const tally = (answers: { status: number }[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

describe(`${AT_ONCE} uses at once, at two instances,`, () => {
  it.each(['totp', 'recovery'] as const)('of one %s code complete one login', async (kind) => {
    for (let round = 0; round < ROUNDS; round++) {
      const bob = await newcomer();
      const code = kind === 'totp' ? codeOf(bob.secret) : bob.recoveryCodes[0];
      const token = await mfaToken(apps[0], bob);
      const answers = await rush(({ http }) => http.post(prove[kind], { mfa_token: token, code }));
      console.log(`${kind}: ${JSON.stringify(tally(answers))}`);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const { status } of answers) expect([200, 401, 429]).toContain(status);
      const live = await apps[0].database.query('SELECT FROM live_sessions WHERE user_id = $1 AND created_at > $2', [
        bob.id,
        new Date(Date.now() - 60_000),
      ]);
      // The one that the enrolment began, and this one.
      expect(live).toHaveLength(2);
    }
  });

  it.each(['totp', 'recovery'] as const)('of one %s code are one, whatever they are for', async (kind) => {
    const bob = await newcomer();
    const use = (factors: SecondFactors, manager: EntityManager): Promise<boolean> =>
      kind === 'totp'
        ? factors.useTotp(manager, bob.id, codeOf(bob.secret))
        : factors.useRecoveryCode(manager, bob.id, String(bob.recoveryCodes[0]));
    const used = await rush(({ nest }) =>
      inTransaction(nest.get(DataSource), (manager) => use(nest.get(SecondFactors), manager)),
    );
    expect(used.filter(Boolean)).toHaveLength(1);
  });

  it('of a setup add one factor', async () => {
    const person = await createPerson(admin);
    const { http } = await signIn(apps[0].http, person);
    const { body: setup } = await http.post('/v1/auth/mfa/totp/start', {});
    const code = codeOf(String(setup['secret']));
    const confirm = { setupToken: setup['setupToken'], code };
    const answers = await rush(() => http.post('/v1/auth/mfa/totp/confirm', confirm));
    console.log(`setup: ${JSON.stringify(tally(answers))}`);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const factors = await apps[0].database.query('SELECT FROM totp_factors WHERE user_id = $1', [person.id]);
    expect(factors).toHaveLength(1);
  });
});

describe('guesses', () => {
  it.each([0, 9, 25, 49])(
    `at once are heard ten times, at both instances together (number %i is right)`,
    async (right) => {
      const bob = await newcomer();
      const token = await mfaToken(apps[0], bob);
      const answers = await rush((app, n) => proveTotp(app, token, n === right ? codeOf(bob.secret) : '12345'));
      const { 200: hits = 0, 401: misses = 0 } = tally(answers);
      console.log(`guesses, number ${right.toString()} right: ${JSON.stringify(tally(answers))}`);
      if (hits > 0) return;
      expect(misses).toBe(10);
      for (const app of apps) expect((await proveTotp(app, await mfaToken(app, bob), '12345')).status).toBe(429);
    },
  );
});

it('at once, at both instances, at an app that has had 70 failures in a row are heard 30 times', async () => {
  const bob = await newcomer();
  const [one] = apps;
  await one.database.query('UPDATE totp_factors SET failures = 70 WHERE user_id = $1', [bob.id]);
  const heard = await rush(({ nest }) => nest.get(TotpGuesses).count(bob.id));
  console.log(`guesses below the ceiling: ${heard.filter(Boolean).length} of ${AT_ONCE}`);
  expect(heard.filter(Boolean)).toHaveLength(30);
  expect((await proveTotp(one, await mfaToken(one, bob), codeOf(bob.secret))).body['code']).toBe('factor_locked');
});

/** What happens to the account while a flow is under way. */
const EVENTS: Record<string, (who: Person) => Promise<unknown>> = {
  'is disabled': ({ id }) => admin.post(`/v1/users/${id}/disable`),
  'is disabled, and enabled again': async ({ id }) => {
    await admin.post(`/v1/users/${id}/disable`);
    await admin.post(`/v1/users/${id}/enable`);
  },
  'gets another password': ({ id }) => admin.patch(`/v1/users/${id}`, { password: 'violet otters juggle lanterns' }),
  'loses or gets a factor': ({ id }) =>
    apps[0].database.query(`INSERT INTO recovery_codes VALUES ($1, decode(md5(random()::text), 'hex'))`, [id]),
  'loses the factors': async ({ id }) => {
    await admin.delete(`/v1/users/${id}/factors`);
    await apps[0].database.query('UPDATE users SET credentials_changed_at = clock_timestamp() WHERE id = $1', [id]);
  },
  'is deleted': ({ id }) => admin.delete(`/v1/users/${id}`),
  'is disabled in SQL': ({ id }) => apps[0].database.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [id]),
  'is deleted in SQL': ({ id }) => apps[0].database.query('DELETE FROM users WHERE id = $1', [id]),
};

/** Somebody with a factor, or without: then there is neither secret nor code. */
type Somebody = Omit<Enrolled, 'session' | 'factorId'>;

/** The steps after the first, which proves the password; each gets the answer before it. */
interface Flow {
  roles?: string[];
  enrolled: boolean;
  /** Which of the events end it, where that is not all of them: what was asked for before them is bound to nobody. */
  endedBy?: (keyof typeof EVENTS)[];
  first: (who: Somebody) => Promise<Answer<Body>>;
  rest: ((before: Answer<Body>, who: Somebody) => Promise<Answer<Body>>)[];
}

const post = (path: string, body: object, http = apps[1].http): Promise<Answer<Body>> => http.post(path, body);
const ORIGIN = 'http://localhost:3000';
/** As a page of the issuer does that keeps its refresh token in the cookie. */
const postFromPage = (path: string, body: object, before?: Answer<Body>): Promise<Answer<Body>> => {
  const cookie = before?.headers.get('set-cookie')?.split(';')[0] ?? '';
  return apps[1].http.post(path, body, { headers: { origin: ORIGIN, cookie } });
};
const signedInAgain = ({ body }: Answer<Body>): HttpClient => apps[1].http.as(String(body['access_token']));
const login = ({ username, password }: Person): Promise<Answer<Body>> => post('/v1/auth/login', { username, password });
let secretAsked = '';
const start = async (body: object, http?: HttpClient): Promise<Answer<Body>> => {
  const answer = await post('/v1/auth/mfa/totp/start', body, http);
  const { secret } = answer.body;
  secretAsked = typeof secret === 'string' ? secret : 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  return answer;
};
const confirm = ({ body }: Answer<Body>, http?: HttpClient): Promise<Answer<Body>> =>
  post('/v1/auth/mfa/totp/confirm', { setupToken: String(body['setupToken']), code: codeOf(secretAsked) }, http);

const FLOWS: Record<string, Flow> = {
  'a code of the app': {
    enrolled: true,
    first: login,
    rest: [({ body }, { secret }) => post(prove.totp, { mfa_token: String(body['mfa_token']), code: codeOf(secret) })],
  },
  'a recovery code': {
    enrolled: true,
    first: login,
    rest: [
      ({ body }, { recoveryCodes: [code] }) => post(prove.recovery, { mfa_token: String(body['mfa_token']), code }),
    ],
  },
  'a code, then a password that must be changed': {
    enrolled: true,
    first: async (who) => {
      await apps[0].database.query('UPDATE users SET must_change_password = true WHERE id = $1', [who.id]);
      return login(who);
    },
    rest: [
      ({ body }, { secret }) => post(prove.totp, { mfa_token: String(body['mfa_token']), code: codeOf(secret) }),
      ({ body }) =>
        post('/v1/auth/password/change', {
          changeToken: String(body['changeToken']),
          newPassword: 'brisk herons mend umbrellas',
        }),
    ],
  },
  'the setup that a role asks for': {
    roles: ['operator'],
    enrolled: false,
    first: login,
    rest: [({ body }) => start({ enrolmentToken: String(body['enrolmentToken']) }), (before) => confirm(before)],
  },
  'a code, into the cookie': {
    enrolled: true,
    first: login,
    rest: [
      ({ body }, { secret }) =>
        postFromPage(prove.totp, { mfa_token: String(body['mfa_token']), code: codeOf(secret), mode: 'cookie' }),
    ],
  },
  'a passkey beside the password': {
    enrolled: false,
    first: async (who) => {
      await addPasskey(who);
      const asked = await login(who);
      const { body } = await post('/v1/auth/mfa/passkey/options', { mfa_token: String(asked.body['mfa_token']) });
      return { ...asked, body: { ...asked.body, ...body } };
    },
    rest: [
      ({ body: { mfa_token, options } }) =>
        post('/v1/auth/mfa/passkey', { mfa_token, credential: passkeyAnswer(options) }),
    ],
  },
  'a passkey alone': {
    enrolled: false,
    endedBy: ['is disabled', 'is disabled in SQL', 'is deleted', 'is deleted in SQL', 'loses the factors'],
    first: async (who) => {
      await addPasskey(who);
      return post('/v1/auth/passkey/options', {});
    },
    rest: [({ body: { options } }) => post('/v1/auth/passkey/login', { credential: passkeyAnswer(options) })],
  },
  'a refresh': {
    enrolled: false,
    first: login,
    rest: [({ body }) => post('/v1/auth/refresh', { refresh_token: body['refresh_token'] })],
  },
  'a refresh by the cookie': {
    enrolled: false,
    first: ({ username, password }) => postFromPage('/v1/auth/login', { username, password, mode: 'cookie' }),
    rest: [(before) => postFromPage('/v1/auth/refresh', {}, before)],
  },
  'a refresh as OAuth has it': {
    enrolled: false,
    first: login,
    rest: [
      async ({ body }) => {
        const form = { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) };
        return postForm(apps[1].http, '/oauth/token', form);
      },
    ],
  },
  'a change of the password in a session': {
    enrolled: false,
    first: login,
    rest: [
      (before, { password }) =>
        post(
          '/v1/auth/password/change',
          { currentPassword: password, newPassword: 'brisk herons mend umbrellas' },
          signedInAgain(before),
        ),
    ],
  },
};

let passkey = new SoftwarePasskey(ORIGIN);
const passkeyAnswer = (options: unknown): Body => passkey.get(options as Body);
async function addPasskey(who: Person): Promise<void> {
  passkey = new SoftwarePasskey(ORIGIN);
  const http = signedInAgain(await login(who));
  const { body } = await post('/v1/auth/mfa/passkey/start', {}, http);
  const credential = passkey.create(body['options'] as Body);
  expect((await post('/v1/auth/mfa/passkey/confirm', { credential }, http)).status).toBe(200);
}

describe('an account that changes while somebody logs in', () => {
  const cases = Object.entries(FLOWS).flatMap(([flow, { rest, endedBy = Object.keys(EVENTS) }]) =>
    rest.flatMap((_, after) => endedBy.map((event) => [flow, after + 1, event] as const)),
  );

  async function begin({ roles, enrolled }: Flow): Promise<Somebody> {
    const person = await createPerson(admin, roles);
    return enrolled ? enrol(apps[0], person) : { ...person, secret: '', recoveryCodes: [] };
  }

  it.each(Object.entries(FLOWS))('gets tokens by %s when nothing happens to it', async (_, flow) => {
    const who = await begin(flow);
    let answer = await flow.first(who);
    for (const step of flow.rest) answer = await step(answer, who);
    expect(await verdict(signedInAgain(answer))).toBe('accepted');
  });

  it.each(cases)('by %s: after step %i it %s, and no token comes of it', async (name, after, event) => {
    const flow = FLOWS[name];
    const change = EVENTS[event];
    if (!flow || !change) throw new Error('no such case');
    const who = await begin(flow);
    let answer = await flow.first(who);
    for (const [n, step] of flow.rest.entries()) {
      if (n + 1 === after) await change(who);
      answer = await step(answer, who);
      if (n + 1 >= after) expect([400, 401, 403, 409]).toContain(answer.status);
    }
    expect(answer.body['access_token']).toBeUndefined();
    expect(await apps[0].database.query('SELECT FROM live_sessions WHERE user_id = $1', [who.id])).toEqual([]);
  });

  it.each(Object.keys(EVENTS))('at the same moment as the code comes: it %s, and no token lives on', async (event) => {
    for (let round = 0; round < ROUNDS; round++) {
      const bob = await newcomer();
      const token = await mfaToken(apps[0], bob);
      const [answer] = await Promise.all([proveTotp(apps[1], token, codeOf(bob.secret)), EVENTS[event]?.(bob)]);
      if (answer.status !== 200) continue;
      expect(await verdict(apps[0].http.as(String(answer.body['access_token'])))).toMatch(/^401/);
      expect(await refreshVerdict(apps[1].http, String(answer.body['refresh_token']))).toBe('401 invalid_grant');
    }
  });

  it('is refused a factor once the session in which the setup began has ended', async () => {
    for (const [what, end] of Object.entries(EVENTS)) {
      const person = await createPerson(admin);
      const { http } = await signIn(apps[0].http, person);
      const setup = await start({}, http);
      await end(person);
      const { status } = await confirm(setup, http);
      expect([what, status]).toEqual([what, 401]);
    }
    const bob = await newcomer();
    await forgetSteps(apps[0], bob);
    await bob.session.http.post('/v1/auth/logout-all');
    expect((await bob.session.http.delete(`/v1/auth/mfa/factors/${bob.factorId}`)).status).toBe(401);
  });
});
