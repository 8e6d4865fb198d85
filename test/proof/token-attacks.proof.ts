import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.js';
import { createPerson, signIn, type SignedIn } from '../support/people.js';
import { Forge, base64url } from './support/forge.js';
import { signatureAttacks, signedAttacks } from './support/signature-attacks.js';
import { setTrap, type Trap } from './support/trap.js';
import { unsignedAttacks, type Attack } from './support/unsigned-attacks.js';
import { exchange, type WireAnswer } from './support/wire.js';

jest.setTimeout(180_000);

/** Much longer than any answer takes on a busy machine, and shorter than the service's own limit for a request (15 s). */
const LONGEST_MS = 10_000;
const EIGHT_MB = 8 * 1024 * 1024;

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const;

let trap: Trap;

beforeAll(async () => {
  trap = await setTrap();
});
afterAll(() => trap.close());

const get = (url: string, ...headers: [string, string][]): Promise<WireAnswer> =>
  exchange(url, { method: 'GET', target: '/v1/auth/me', headers });

const bearer = (token: string): [string, string] => ['Authorization', `Bearer ${token}`];

/** What is wrong with the answer to a bad token; empty when nothing is. */
function problemsOf({ status, headers, body, ms }: WireAnswer, { told }: { told: boolean }): string[] {
  const code = status === 0 ? '' : (JSON.parse(body) as { code: string }).code;
  return [
    ...(status === 401 && code === 'invalid_token' ? [] : [`${status} ${code}`]),
    ...(headers['www-authenticate'] === 'Bearer error="invalid_token"'
      ? []
      : [`challenge ${headers['www-authenticate']}`]),
    ...(!told && body.includes('"reason"') ? ['says why, without a good signature'] : []),
    ...(ms < LONGEST_MS ? [] : [`${ms} ms`]),
  ];
}

describe.each(ALGORITHMS)('where tokens are signed with %s', (algorithm) => {
  let app: TestApp;
  let session: SignedIn;
  let forge: Forge;
  let slowest = 0;

  beforeAll(async () => {
    app = await startApp({ env: { PORTCULLIS_SIGNING_ALGORITHM: algorithm } });
    const admin = await app.admin();
    session = await signIn(app.http, await createPerson(admin, ['admin']));
    forge = await Forge.with(app, session.accessToken, trap.url);
  });
  afterAll(() => app.close());

  async function tryAll(attacks: readonly Attack[], options: { told: boolean }): Promise<string[]> {
    const findings: string[] = [];
    for (const [name, token] of attacks) {
      const answer = await get(app.url, bearer(token));
      slowest = Math.max(slowest, answer.ms);
      findings.push(...problemsOf(answer, options).map((problem) => `${name}: ${problem}\n${token.slice(0, 300)}`));
    }
    return findings;
  }

  it('what nobody signed is refused without a word why', async () => {
    const attacks = [...unsignedAttacks(forge), ...signatureAttacks(forge, algorithm)];
    expect((await tryAll(attacks, { told: false })).join('\n')).toBe('');
    console.log(
      `proof: token attacks, ${algorithm}: ${attacks.length} unsigned ones refused, slowest ${Math.round(slowest)} ms`,
    );
  });

  it('what is signed, and yet must not be, is refused', async () => {
    expect((await get(app.url, bearer(await forge.signedClaims({})))).status).toBe(200);
    const attacks = await signedAttacks(forge);
    expect((await tryAll(attacks, { told: true })).join('\n')).toBe('');
    console.log(
      `proof: token attacks, ${algorithm}: ${attacks.length} signed ones refused, slowest ${Math.round(slowest)} ms`,
    );
  });

  it('a good signature cannot be carried to another key, algorithm or session', async () => {
    const other = await signIn(app.http, await createPerson(await app.admin()));
    const [header, payload] = other.accessToken.split('.') as [string, string];
    const mixed: Attack[] = [
      ['the payload of another', `${forge.parts[0]}.${payload}.${forge.parts[2]}`],
      ['the signature of another', `${header}.${payload}.${forge.parts[2]}`],
    ];
    expect(await tryAll(mixed, { told: false })).toEqual([]);
  });

  it('nobody was called, and good tokens are as good as before', async () => {
    expect(trap.calls).toBe(0);
    expect((await get(app.url, bearer(session.accessToken))).status).toBe(200);
  });
});

describe('every attack', () => {
  it('can be explained, as refused', async () => {
    const app = await startApp();
    const session = await signIn(app.http, await createPerson(await app.admin(), ['admin']));
    const forge = await Forge.with(app, session.accessToken, trap.url);
    const attacks = [...unsignedAttacks(forge), ...(await signedAttacks(forge))];
    const findings: string[] = [];
    for (const [name, token] of attacks) {
      // The service explains the tokens of every service, so the audience is none of its business here.
      if (name.startsWith('signed claims {"aud"')) continue;
      const { status, body } = await session.http.post('/v1/tokens/explain', { token });
      if (status === 200 && body['accepted'] === false) continue;
      findings.push(`${name}: ${status} ${JSON.stringify(body).slice(0, 200)}\n${token.slice(0, 300)}`);
    }
    expect(findings.join('\n')).toBe('');
    expect(trap.calls).toBe(0);
    await app.close();
  });
});

describe('a token in the wrong place, or more than one', () => {
  let app: TestApp;
  let token: string;

  beforeAll(async () => {
    app = await startApp();
    token = (await signIn(app.http, await createPerson(await app.admin()))).accessToken;
  });
  afterAll(() => app.close());

  it('is no token', async () => {
    const targets = ['access_token', 'token', 'bearer', 'authorization', 'Authorization', 'jwt'].map(
      (name) => `?${name}=${token}`,
    );
    const headers: [string, string][] = [
      ['Cookie', `access_token=${token}; token=${token}; Authorization=Bearer ${token}`],
      ['Proxy-Authorization', `Bearer ${token}`],
      ['X-Authorization', `Bearer ${token}`],
      ['X-Access-Token', token],
      ['Authorization', token],
      ['Authorization', `JWT ${token}`],
      ['Authorization', `Token ${token}`],
      ['Authorization', `DPoP ${token}`],
      ['Authorization', `Basic ${base64url(`x:${token}`)}`],
      ['Authorization', `Bearer\t${token}`],
      ['Authorization', `Bearer=${token}`],
      ['Sec-WebSocket-Protocol', `bearer, ${token}`],
    ];
    const answers = await Promise.all([
      ...targets.map((query) => exchange(app.url, { method: 'GET', target: `/v1/auth/me${query}`, headers: [] })),
      ...headers.map((header) => get(app.url, header)),
    ]);
    for (const { status, headers: answered, body } of answers) {
      expect([status, body]).toEqual([401, expect.stringContaining('"token_required"')]);
      expect(answered['www-authenticate']).toBe('Bearer');
    }
  });

  it('is refused next to another', async () => {
    const names = ['Authorization', 'authorization', 'AUTHORIZATION'];
    const pairs = ['Bearer x', `Bearer ${token}`, 'Basic eDp5', '', 'Bearer'];
    for (const name of names) {
      for (const other of pairs) {
        for (const values of [
          [`Bearer ${token}`, other],
          [other, `Bearer ${token}`],
        ]) {
          const answer = await get(app.url, ['Authorization', values[0] ?? ''], [name, values[1] ?? '']);
          expect([name, other, problemsOf(answer, { told: false })]).toEqual([name, other, []]);
        }
      }
    }
    const joined = await get(app.url, ['Authorization', `Bearer ${token}, Bearer ${token}`]);
    expect(problemsOf(joined, { told: false })).toEqual([]);
  });

  it('is refused when it is another kind of token', async () => {
    const admin = await app.admin();
    const person = await createPerson(admin);
    const { refreshToken } = await signIn(app.http, person);
    await admin.patch(`/v1/users/${person.id}`, { mustChangePassword: true });
    const login = await app.http.post('/v1/auth/login', { username: person.username, password: person.password });
    const changeToken = String(login.body['changeToken']);
    expect(changeToken.split('.')).toHaveLength(3);
    for (const other of [refreshToken, changeToken]) {
      expect(problemsOf(await get(app.url, bearer(other)), { told: false })).toEqual([]);
    }
    const asChange = await app.http.as(token).post('/v1/auth/password/change', {
      newPassword: 'a password that I would like',
      changeToken: token,
    });
    expect(asChange).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    // No refresh token is that long.
    expect(await app.http.post('/v1/auth/refresh', { refresh_token: token })).toMatchObject({ status: 400 });
  });
});

describe('a token of 8 MB', () => {
  let app: TestApp;
  let session: SignedIn;

  beforeAll(async () => {
    app = await startApp();
    session = await signIn(app.http, await createPerson(await app.admin(), ['admin']));
  });
  afterAll(() => app.close());

  const HUGE: readonly [string, () => string][] = [
    ['of one letter', () => 'A'.repeat(EIGHT_MB)],
    ['of dots', () => '.'.repeat(EIGHT_MB)],
    ['of empty objects', () => 'e30.'.repeat(EIGHT_MB / 4)],
    ['nested millions deep', () => `e30.${base64url('['.repeat((EIGHT_MB / 4) * 3))}.AA`],
  ];

  it.each(HUGE)('in the header is cut off at once: %s', async (_, make) => {
    const answer = await get(app.url, bearer(make()));
    // The connection is closed while the rest is still on its way, which may take the answer with it.
    expect([0, 431]).toContain(answer.status);
    expect(answer.ms).toBeLessThan(LONGEST_MS);
  });

  it.each(HUGE)('in a body is not read: %s', async (_, make) => {
    const token = make();
    for (const [target, field] of [
      ['/v1/tokens/explain', 'token'],
      ['/v1/auth/refresh', 'refresh_token'],
      ['/v1/auth/password/change', 'changeToken'],
    ] as const) {
      const body = Buffer.from(JSON.stringify({ [field]: token }));
      const headers: [string, string][] = [['Content-Type', 'application/json'], bearer(session.accessToken)];
      const answer = await exchange(app.url, { method: 'POST', target, headers, body });
      expect([0, 413]).toContain(answer.status);
      expect(answer.ms).toBeLessThan(LONGEST_MS);
    }
  });

  it('as long as a header may be is refused as any other', async () => {
    const header = base64url(JSON.stringify({ alg: 'RS256', kid: 'x', typ: 'at+jwt' }));
    const deep = ['[', '{"a":', '[{"a":'].map(
      (open) => `${header}.${base64url(open.repeat(Math.floor(11_000 / open.length)))}.AA`,
    );
    const wide = `${header}.${base64url(`{${Array.from({ length: 1000 }, (_, n) => `"a${n}":1`).join(',')}}`)}.AA`;
    for (const token of [...deep, wide, 'A'.repeat(15_500), '.'.repeat(15_500)]) {
      expect(problemsOf(await get(app.url, bearer(token)), { told: false })).toEqual([]);
    }
  });

  it('does not keep others from being served', async () => {
    const flood = Array.from(
      { length: 300 },
      (_, n) => `${base64url(JSON.stringify({ alg: 'RS256', kid: `invented-${n}`, typ: 'at+jwt' }))}.e30.AA`,
    );
    const since = performance.now();
    const [good, ...refused] = await Promise.all([
      session.http.get('/v1/auth/me'),
      ...flood.map((token) => app.http.as(token).get('/v1/auth/me')),
    ]);
    const ms = Math.round(performance.now() - since);
    expect(good.status).toBe(200);
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([401]));
    expect(await session.http.get('/v1/auth/me')).toMatchObject({ status: 200 });
    console.log(`proof: token attacks: ${flood.length} invented kids at once refused in ${ms} ms`);
  });
});
