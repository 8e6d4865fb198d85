import { createHmac, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson, signIn, verdict, type Person, type SignedIn } from './support/people.js';
import { RawConnection } from './support/socket.js';
import { claimsOf, encoded, headerOf, reissued } from './support/tokens.js';

let app: TestApp;
let admin: HttpClient;
let ann: Person;
let session: SignedIn;
const log: Record<string, unknown>[] = [];

beforeAll(async () => {
  app = await startApp({
    env: { PORTCULLIS_LOG_LEVEL: 'info' },
    log: { write: (line: string) => log.push(JSON.parse(line) as Record<string, unknown>) },
  });
  admin = await app.admin();
  ann = await createPerson(admin);
  session = await signIn(app.http, ann);
});
afterAll(() => app.close());

/** The answer to a request with this Authorization header, in short. */
async function answerTo(
  authorization: string,
): Promise<{ status: number; code: unknown; reason: unknown; challenge: unknown }> {
  const { status, headers, body } = await app.http.get('/v1/auth/me', { headers: { authorization } });
  return { status, code: body['code'], reason: body['reason'], challenge: headers.get('www-authenticate') };
}

const refused = (reason?: string) => ({
  status: 401,
  code: 'invalid_token',
  reason,
  challenge: 'Bearer error="invalid_token"',
});

describe('a request without a token', () => {
  const UNAUTHENTICATED = { status: 401, code: 'token_required', reason: undefined, challenge: 'Bearer' };

  it('is asked for one', async () => {
    const { status, headers, body } = await app.http.get('/v1/auth/me');
    expect([status, body['code'], headers.get('www-authenticate')]).toEqual([401, 'token_required', 'Bearer']);
  });

  it.each(['Basic YWRtaW46YWRtaW4=', 'Bearer', 'Token abc', 'DPoP abc', ''])('is asked for one: %p', async (header) => {
    expect(await answerTo(header)).toEqual(UNAUTHENTICATED);
  });

  it('is asked for one, wherever else it puts it', async () => {
    const token = session.accessToken;
    const asked = await Promise.all([
      app.http.get(`/v1/auth/me?access_token=${token}`),
      app.http.get(`/v1/auth/me?token=${token}`),
      app.http.get('/v1/auth/me', { headers: { cookie: `access_token=${token}; token=${token}` } }),
      app.http.get('/v1/auth/me', { headers: { 'proxy-authorization': `Bearer ${token}` } }),
      app.http.post('/v1/auth/logout-all', { access_token: token }),
    ]);
    expect(asked.map(({ body }) => body['code'])).toEqual(Array.from({ length: 5 }, () => 'token_required'));
    expect(await verdict(session.http)).toBe('accepted');
  });
});

describe('the Authorization header', () => {
  it.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])('may say %s', async (scheme) => {
    expect(await answerTo(`${scheme} ${session.accessToken}`)).toMatchObject({ status: 200 });
  });

  it.each([
    ['two tokens', (token: string) => `Bearer ${token} ${token}`],
    ['a token and a comma', (token: string) => `Bearer ${token}, Bearer ${token}`],
    ['a tab', (token: string) => `Bearer ${token}\t${token}`],
  ])('must not hold %s', async (_, header) => {
    expect(await answerTo(header(session.accessToken))).toEqual(refused());
  });

  it.each([
    ['the same twice', (token: string) => [`Bearer ${token}`, `Bearer ${token}`]],
    ['a good one first', (token: string) => [`Bearer ${token}`, 'Bearer x']],
    ['a good one last', (token: string) => ['Basic eDp5', `Bearer ${token}`]],
    ['one in capitals', (token: string) => [`Bearer ${token}`, 'Bearer x', 'AUTHORIZATION']],
  ])('must not come twice: %s', async (_, headers) => {
    const [first, second, name = 'Authorization'] = headers(session.accessToken);
    const connection = await RawConnection.open(app.url);
    connection.send(
      `GET /v1/auth/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: ${String(first)}\r\n${name}: ${String(second)}\r\n\r\n`,
    );
    const answer = await connection.untilClosed();
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toContain('www-authenticate: Bearer error="invalid_token"');
    expect(answer).not.toContain('"reason"');
  });
});

describe('a token that nobody signed', () => {
  const parts = () => session.accessToken.split('.') as [string, string, string];
  const withHeader = (header: object) => encoded({ ...headerOf(session.accessToken), ...header });
  const hmac = (bits: number, key: string | Buffer) => {
    const input = `${withHeader({ alg: `HS${bits.toString()}` })}.${parts()[1]}`;
    return `${input}.${createHmac(`sha${bits.toString()}`, key).update(input).digest('base64url')}`;
  };
  const publicKey = async () => {
    const { body } = await app.http.get<{ keys: Record<string, string>[] }>('/.well-known/jwks.json');
    const jwk = body.keys[0] ?? {};
    return { jwk, key: createPublicKey({ key: jwk, format: 'jwk' }) };
  };

  it.each<[string, () => string]>([
    ['garbage', () => 'garbage'],
    ['dots', () => '..'],
    ['two parts', () => parts().slice(0, 2).join('.')],
    ['four parts', () => `${session.accessToken}.`],
    ['five parts, as an encrypted one has', () => `${session.accessToken}.AA.AA`],
    ['padding', () => `${session.accessToken}==`],
    ['a payload that is no JSON', () => `${parts()[0]}.${Buffer.from('{').toString('base64url')}.${parts()[2]}`],
    ['a payload that is a list', () => `${parts()[0]}.${Buffer.from('[]').toString('base64url')}.${parts()[2]}`],
    ['alg none', () => `${withHeader({ alg: 'none' })}.${parts()[1]}.`],
    ['alg None and some signature', () => `${withHeader({ alg: 'None' })}.${parts()[1]}.${parts()[2]}`],
    ['no alg', () => `${withHeader({ alg: undefined })}.${parts()[1]}.${parts()[2]}`],
    ['alg as a list', () => `${withHeader({ alg: ['RS256'] })}.${parts()[1]}.${parts()[2]}`],
    ['another alg of the same family', () => `${withHeader({ alg: 'RS512' })}.${parts()[1]}.${parts()[2]}`],
    ['PS256 by an RS256 key', () => `${withHeader({ alg: 'PS256' })}.${parts()[1]}.${parts()[2]}`],
    ['an unknown critical parameter', () => `${withHeader({ crit: ['x'], x: 1 })}.${parts()[1]}.${parts()[2]}`],
    ['no kid', () => `${withHeader({ kid: undefined })}.${parts()[1]}.${parts()[2]}`],
    [
      'an unknown kid',
      () => `${withHeader({ kid: randomBytes(32).toString('base64url') })}.${parts()[1]}.${parts()[2]}`,
    ],
    ['a kid that is a path', () => `${withHeader({ kid: '../../../../dev/null' })}.${parts()[1]}.${parts()[2]}`],
    ['a kid that is SQL', () => `${withHeader({ kid: "' OR 1=1 --" })}.${parts()[1]}.${parts()[2]}`],
    ['a kid with NUL', () => `${withHeader({ kid: 'a\0' })}.${parts()[1]}.${parts()[2]}`],
    [
      'other claims',
      () => `${parts()[0]}.${encoded({ ...claimsOf(session.accessToken), roles: ['admin'] })}.${parts()[2]}`,
    ],
    ['an empty signature', () => `${parts()[0]}.${parts()[1]}.`],
    ['a flipped bit', () => `${parts()[0]}.${parts()[1]}.${flipped(parts()[2])}`],
    ['an HMAC under nothing', () => hmac(256, '')],
  ])('is refused without a word why: %s', async (_, make) => {
    expect(await answerTo(`Bearer ${make()}`)).toEqual(refused());
  });

  it('is refused when it takes the public key for a secret, in whatever form', async () => {
    const { jwk, key } = await publicKey();
    const pem = key.export({ type: 'spki', format: 'pem' }).toString();
    const forms = [
      pem,
      pem.trim(),
      pem.replaceAll('\n', '\r\n'),
      key.export({ type: 'pkcs1', format: 'pem' }).toString(),
      key.export({ type: 'spki', format: 'der' }),
      key.export({ type: 'pkcs1', format: 'der' }),
      JSON.stringify(jwk),
      JSON.stringify(key.export({ format: 'jwk' })),
      String(jwk['n']),
      Buffer.from(String(jwk['n']), 'base64url'),
      String(jwk['kid']),
    ];
    for (const bits of [256, 384, 512]) {
      for (const form of forms) expect(await answerTo(`Bearer ${hmac(bits, form)}`)).toEqual(refused());
    }
  });

  it('is refused when it brings its own key', async () => {
    const { publicKey: mine, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = mine.export({ format: 'jwk' });
    for (const own of [
      { jwk },
      { jku: 'https://evil.test/jwks.json' },
      { x5c: ['AAAA'] },
      { x5u: 'https://evil.test/' },
      {},
    ]) {
      const input = `${withHeader(own)}.${parts()[1]}`;
      const signature = sign('sha256', Buffer.from(input), privateKey).toString('base64url');
      expect(await answerTo(`Bearer ${input}.${signature}`)).toEqual(refused());
    }
  });
});

describe('a token that the service signed', () => {
  const now = Math.floor(Date.now() / 1000);

  it('is accepted as it is, signed anew: those below are wrong in one thing only', async () => {
    expect(await verdict(app.http.as(await reissued(app, session.accessToken, {})))).toBe('accepted');
  });

  it.each<[string, string, Record<string, unknown>]>([
    ['of another issuer', 'wrong_issuer', { iss: 'http://localhost:3000/' }],
    ['for somebody else', 'wrong_audience', { aud: 'https://orders.example.org' }],
    ['for several others', 'wrong_audience', { aud: ['https://orders.example.org', 'http://localhost:30000'] }],
    ['for nobody', 'wrong_audience', { aud: [] }],
    ['without audience', 'malformed', { aud: undefined }],
    ['without subject', 'malformed', { sub: undefined }],
    ['without id', 'malformed', { jti: undefined }],
    ['with roles that are no list', 'malformed', { roles: 'admin' }],
    ['with permissions for a broker', 'malformed', { permissions: { sub: [], pub: [], all: [] } }],
    ['without expiry', 'malformed', { exp: undefined }],
    ['with an expiry that is a text', 'malformed', { exp: String(now + 300) }],
    ['that has expired', 'expired', { iat: now - 400, exp: now - 100 }],
    ['that expires now', 'expired', { iat: now - 300, exp: now }],
    ['that is not valid yet', 'not_yet_valid', { nbf: now + 60 }],
    ['from the future', 'not_yet_valid', { iat: now + 60, exp: now + 120 }],
    ['that lives too long for a session', 'lifetime_too_long', { exp: now + 3600 }],
    ['that lives too long at all', 'lifetime_too_long', { sid: undefined, exp: now + 90_000 }],
    ['that lives for ever', 'lifetime_too_long', { exp: 1e15 }],
    ['without as_of', 'as_of_missing', { as_of: undefined }],
    ['with as_of as a text', 'as_of_missing', { as_of: '99' }],
    ['with as_of null', 'as_of_missing', { as_of: null }],
    ['with a negative as_of', 'as_of_missing', { as_of: -1 }],
    ['with a fractional as_of', 'as_of_missing', { as_of: 1.5 }],
    ['with an as_of beyond all integers', 'as_of_missing', { as_of: 2 ** 60 }],
    ['with an as_of that never was', 'not_yet_valid', { as_of: Number.MAX_SAFE_INTEGER }],
  ])('is refused, and told why: %s', async (_, reason, claims) => {
    const token = await reissued(app, session.accessToken, claims);
    for (let n = 0; n < 2; n++) expect(await answerTo(`Bearer ${token}`)).toEqual(refused(reason));
  });

  it.each([['JWT'], [undefined], ['password-change+jwt']])('is refused when it is of the type %p', async (typ) => {
    const token = await reissued(app, session.accessToken, {}, { typ });
    expect(await answerTo(`Bearer ${token}`)).toEqual(refused('wrong_type'));
  });

  it('is counted and logged when it is refused, but never written anywhere', async () => {
    const token = await reissued(app, session.accessToken, { iat: now - 400, exp: now - 100 });
    const counted = async () => {
      const { body } = await app.http.get<string>('/metrics');
      return Number(/^portcullis_token_refusals_total\{reason="expired"\} (\d+)$/m.exec(body)?.[1] ?? 0);
    };
    const before = await counted();
    const { headers } = await app.http.as(token).get('/v1/auth/me');
    expect(await counted()).toBe(before + 1);
    const requestId = headers.get('x-request-id');
    expect(log.find(({ msg, requestId: id }) => msg === 'token refused' && id === requestId)).toMatchObject({
      reason: 'expired',
      userId: ann.id,
      sessionId: claimsOf(token)['sid'],
      tokenId: claimsOf(token)['jti'],
    });
    const signature = String(session.accessToken.split('.')[2]);
    const written = JSON.stringify(log);
    for (const secret of [signature, String(token.split('.')[2]), session.refreshToken, ann.password]) {
      expect(written).not.toContain(secret);
    }
  });
});

describe('many tokens at once', () => {
  it('each give their own principal, at first sight and after', async () => {
    const people = await Promise.all(Array.from({ length: 20 }, () => createPerson(admin)));
    const sessions = await Promise.all(people.map((person) => signIn(app.http, person)));
    const ask = () =>
      Promise.all(
        Array.from({ length: 200 }, async (_, n) => {
          const [person, session] = [people[n % 20], sessions[n % 20]];
          const { status, body } = await patiently(() => app.http.as(session?.accessToken ?? '').get('/v1/auth/me'));
          expect([status, body['id'], body['username']]).toEqual([200, person?.id, person?.username]);
          expect(body['sessionId']).toBe(claimsOf(session?.accessToken ?? '')['sid']);
        }),
      );
    await ask();
    await ask();
  });

  it('are told apart from refused ones among them', async () => {
    const good = await Promise.all(
      Array.from({ length: 20 }, () => reissued(app, session.accessToken, { jti: randomBytes(9).toString('hex') })),
    );
    const bad = good.map((token, n) => (n % 2 === 0 ? flippedToken(token) : token.slice(0, -3)));
    const verdicts = await Promise.all(
      good.flatMap((token, n) => [verdict(app.http.as(token)), verdict(app.http.as(bad[n] ?? ''))]),
    );
    expect(verdicts).toEqual(good.flatMap(() => ['accepted', '401 invalid_token']));
  });
});

describe('a permission', () => {
  it('that the token does not carry is asked for by name', async () => {
    const { status, headers, body } = await session.http.get('/v1/users');
    expect([status, body['code']]).toEqual([403, 'insufficient_scope']);
    expect(headers.get('www-authenticate')).toBe('Bearer error="insufficient_scope", scope="users:read"');
  });
});

/** Asks again while a busy machine answers 503, which says nothing about anybody. */
async function patiently<Body>(ask: () => Promise<Answer<Body>>): Promise<Answer<Body>> {
  for (let attempt = 1; ; attempt++) {
    const answer = await ask();
    if (answer.status !== 503 || attempt === 5) return answer;
  }
}

/** The same bytes with one bit changed. */
function flipped(part: string): string {
  const bytes = Buffer.from(part, 'base64url');
  bytes[7] = (bytes[7] ?? 0) ^ 1;
  return bytes.toString('base64url');
}

function flippedToken(token: string): string {
  const [header, payload, signature] = token.split('.');
  return `${String(header)}.${String(payload)}.${flipped(String(signature))}`;
}
