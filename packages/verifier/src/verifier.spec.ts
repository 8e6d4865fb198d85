import { createSecretKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { SignJWT, UnsecuredJWT } from 'jose';
import { verificationKey, type VerificationKey } from './algorithms.js';
import { StaleWindowError, VerificationError } from './errors.js';
import type { CatchUp, EventKind, ValidityEvent } from './events.js';
import { WindowFollower } from './follower.js';
import type { RefusalReason } from './refusal-reason.js';
import { TokenVerifier, type TokenVerifierOptions } from './verifier.js';
import { ValidityWindow } from './window.js';

const ISSUER = 'https://auth.example';
const NOW = 1_800_000_000;

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const secret = createSecretKey(randomBytes(32));

const signers: Record<string, { alg: string; key: KeyObject }> = {
  ec: { alg: 'ES256', key: ec.privateKey },
  rsa: { alg: 'RS256', key: rsa.privateKey },
  broker: { alg: 'HS256', key: secret },
};

interface Overrides {
  claims?: object;
  header?: object;
  kid?: string;
}

function mint({ claims = {}, header = {}, kid = 'ec' }: Overrides = {}): Promise<string> {
  const signer = signers[kid];
  if (signer === undefined) throw new Error(`no signer ${kid}`);
  return new SignJWT({
    iss: ISSUER,
    sub: 'u1',
    aud: ISSUER,
    exp: NOW + 200,
    iat: NOW - 100,
    jti: 't1',
    client_id: 'portcullis',
    sid: 's1',
    roles: ['ops'],
    permissions: ['users:read', 'users:write'],
    scope: 'users:read users:write',
    as_of: 50,
    ...claims,
  })
    .setProtectedHeader({ alg: signer.alg, kid, typ: 'at+jwt', ...header })
    .sign(signer.key);
}

/** A truth in memory. */
class Truth {
  seq = 100;
  now = NOW * 1000;
  failing = false;
  asked = 0;
  readonly events: ValidityEvent[] = [];

  note(kind: EventKind, key: string, reason = ''): void {
    this.events.push({ kind, key, seq: ++this.seq, reason });
  }

  read(after: number): Promise<CatchUp> {
    this.asked++;
    if (this.failing) return Promise.reject(new Error('down'));
    const events = this.events.filter(({ seq }) => seq > after);
    const { seq, now } = this;
    return Promise.resolve({ seq, floor: 0, keepSeconds: 3600, keepAccessSeconds: 300, now, events });
  }
}

let truth: Truth;
let keys: Map<string, VerificationKey>;
let remoteKeys: Map<string, VerificationKey>;
let refreshes: number;

function verifierWith(options: Partial<TokenVerifierOptions> = {}): TokenVerifier {
  const follower = new WindowFollower((after) => truth.read(after), new ValidityWindow());
  return new TokenVerifier({
    issuer: ISSUER,
    audience: ISSUER,
    keys: {
      get: (kid) => keys.get(kid),
      refresh: (kid) => {
        refreshes++;
        return Promise.resolve(remoteKeys.get(kid));
      },
    },
    follower,
    ...options,
  });
}

const refusal = (reason: RefusalReason, signatureValid: boolean): object => ({ reason, signatureValid });

let verifier: TokenVerifier;

beforeEach(() => {
  truth = new Truth();
  keys = new Map([
    ['ec', verificationKey('ec', ec.publicKey)],
    ['rsa', verificationKey('rsa', rsa.publicKey)],
    ['broker', verificationKey('broker', secret, { audience: 'urn:broker' })],
  ]);
  remoteKeys = new Map();
  refreshes = 0;
  verifier = verifierWith();
});

describe('verify', () => {
  it.each(['ec', 'rsa'])('accepts a good token (%s)', async (kid) => {
    await expect(verifier.verify(await mint({ kid }))).resolves.toMatchObject({
      subject: 'u1',
      clientId: 'portcullis',
      sessionId: 's1',
      tokenId: 't1',
      roles: ['ops'],
      permissions: new Set(['users:read', 'users:write']),
      asOf: 50,
    });
  });

  it('shows each request the truth as it was after the request arrived, cached or not', async () => {
    const token = await mint();
    await verifier.verify(token);
    await verifier.verify(token);
    truth.note('user', 'u1', 'user_disabled');
    await expect(verifier.verify(token)).rejects.toMatchObject(refusal('user_disabled', true));
    await expect(verifier.verify(await mint({ claims: { as_of: truth.seq } }))).resolves.toBeDefined();
  });

  it('decides by the clock of the truth', async () => {
    const token = await mint();
    truth.now = (NOW + 200) * 1000;
    await expect(verifier.verify(token)).rejects.toMatchObject(refusal('expired', true));
    truth.now = (NOW - 200) * 1000;
    await expect(verifier.verify(token)).rejects.toMatchObject(refusal('not_yet_valid', true));
  });

  it('strips what was taken away', async () => {
    const token = await mint();
    truth.note('role_permission', 'ops users:write');
    const principal = await verifier.verify(token);
    expect([...principal.permissions]).toEqual(['users:read']);
    expect(principal.stripped.permissions.has('users:write')).toBe(true);
    expect(principal.roles).toEqual(['ops']);
  });

  it('hands out one principal for all requests of a token', async () => {
    const token = await mint();
    expect(await verifier.verify(token)).toBe(await verifier.verify(token));
  });

  it('answers 503, not 401, when the truth does not answer', async () => {
    const token = await mint();
    await verifier.verify(token);
    truth.failing = true;
    await expect(verifier.verify(token)).rejects.toBeInstanceOf(StaleWindowError);
  });

  it('may decide on what is known when told how stale it may be', async () => {
    const token = await mint();
    await verifier.verify(token);
    truth.note('user', 'u1', 'user_disabled');
    const { asked } = truth;
    await expect(verifier.verify(token, { maxStalenessMs: 60_000 })).resolves.toBeDefined();
    expect(truth.asked).toBe(asked);
    const arrivedAt = verifier.follower.monotonic();
    await expect(verifier.verify(token, { arrivedAt })).rejects.toMatchObject(refusal('user_disabled', true));
  });

  it('catches up for a token from beyond a stale window, and refuses it only if it still is', async () => {
    await verifier.verify(await mint());
    truth.note('client', 'c9');
    const newer = await mint({ claims: { as_of: truth.seq } });
    await expect(verifier.verify(newer, { maxStalenessMs: 60_000 })).resolves.toBeDefined();
    const beyond = await mint({ claims: { as_of: truth.seq + 1 } });
    await expect(verifier.verify(beyond, { maxStalenessMs: 60_000 })).rejects.toMatchObject(
      refusal('not_yet_valid', true),
    );
  });

  it('shares one catch-up between requests that arrive together', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, i) => mint({ claims: { jti: `t${String(i)}` } })));
    await Promise.all(tokens.map((token) => verifier.verify(token)));
    expect(truth.asked).toBeLessThanOrEqual(2);
  });

  it('never asks the truth about a token whose signature is not good', async () => {
    const [header = '', payload = ''] = (await mint()).split('.');
    for (const token of ['', 'x', `${header}.${payload}.AAAA`, new UnsecuredJWT({ sub: 'u1' }).encode()]) {
      await expect(verifier.verify(token)).rejects.toBeInstanceOf(VerificationError);
    }
    expect(truth.asked).toBe(0);
  });
});

describe('authenticate', () => {
  it.each<[string, Overrides, RefusalReason]>([
    ['another type', { header: { typ: 'JWT' } }, 'wrong_type'],
    ['no type', { header: { typ: undefined } }, 'wrong_type'],
    ['a missing claim', { claims: { jti: undefined } }, 'malformed'],
    ['the permissions of a broker', { claims: { permissions: { sub: [], pub: [], all: [] } } }, 'malformed'],
    ['another issuer', { claims: { iss: 'https://evil.example' } }, 'wrong_issuer'],
    ['another audience', { claims: { aud: ['urn:broker'] } }, 'wrong_audience'],
    ['the HMAC key of another audience', { kid: 'broker' }, 'wrong_audience'],
  ])('refuses %s, and may say so', async (_name, overrides, reason) => {
    await expect(verifier.authenticate(await mint(overrides))).rejects.toMatchObject(refusal(reason, true));
  });

  it('accepts an HMAC key for a token that is meant for its audience alone', async () => {
    const broker = verifierWith({ audience: 'urn:broker' });
    await expect(
      broker.authenticate(await mint({ kid: 'broker', claims: { aud: 'urn:broker' } })),
    ).resolves.toBeDefined();
    for (const one of [broker, verifier]) {
      const token = await mint({ kid: 'broker', claims: { aud: [ISSUER, 'urn:broker'] } });
      await expect(one.authenticate(token)).rejects.toMatchObject(refusal('wrong_audience', true));
    }
  });

  it('hands over the claims of a refused token only when they are well formed', async () => {
    await expect(verifier.authenticate(await mint({ claims: { iss: 'x' } }))).rejects.toMatchObject({
      claims: { sub: 'u1' },
    });
    await expect(verifier.authenticate(await mint({ claims: { iss: 5 } }))).rejects.toMatchObject({
      claims: undefined,
    });
  });

  it('refuses a signature by another key', async () => {
    const [header = '', payload = ''] = (await mint()).split('.');
    const other = (await mint({ claims: { sub: 'u2' } })).split('.')[2] ?? '';
    await expect(verifier.authenticate(`${header}.${payload}.${other}`)).rejects.toMatchObject(
      refusal('bad_signature', false),
    );
  });

  it('does not let the header choose the algorithm: not none, not HMAC with the public key', async () => {
    const pem = createSecretKey(Buffer.from(rsa.publicKey.export({ type: 'spki', format: 'pem' })));
    const confused = await new SignJWT({ iss: ISSUER })
      .setProtectedHeader({ alg: 'HS256', kid: 'rsa', typ: 'at+jwt' })
      .sign(pem);
    await expect(verifier.authenticate(confused)).rejects.toMatchObject(refusal('bad_signature', false));
    const input = `${Buffer.from('{"alg":"RS512","kid":"rsa","typ":"at+jwt"}').toString('base64url')}.e30`;
    const mislabelled = `${input}.${sign('sha256', Buffer.from(input), rsa.privateKey).toString('base64url')}`;
    await expect(verifier.authenticate(mislabelled)).rejects.toMatchObject(refusal('bad_signature', false));
    const none = Buffer.from('{"alg":"none","kid":"rsa","typ":"at+jwt"}').toString('base64url');
    await expect(verifier.authenticate(`${none}.e30.AAAA`)).rejects.toMatchObject(refusal('bad_signature', false));
    await expect(verifier.authenticate(`${none}.e30.`)).rejects.toMatchObject(refusal('malformed', false));
  });

  it('caches what it verified, and nothing that it refused', async () => {
    const good = await mint();
    const bad = await mint({ claims: { iss: 'x' } });
    expect(verifier.cached(good)).toBeUndefined();
    const verified = await verifier.authenticate(good);
    expect(verifier.cached(good)).toBe(verified);
    await expect(verifier.authenticate(bad)).rejects.toBeInstanceOf(VerificationError);
    expect(verifier.cached(bad)).toBeUndefined();
  });
});

describe('keys', () => {
  it('are looked for when unknown, and only then', async () => {
    const token = await mint();
    await verifier.authenticate(token);
    expect(refreshes).toBe(0);
    const key = keys.get('ec');
    keys.clear();
    await expect(verifier.authenticate(token)).rejects.toMatchObject(refusal('unknown_key', false));
    if (key !== undefined) remoteKeys.set('ec', key);
    await expect(verifier.authenticate(token)).resolves.toBeDefined();
    expect(refreshes).toBe(2);
  });

  it('are not looked for without a kid', async () => {
    const token = await mint({ header: { kid: undefined } });
    await expect(verifier.authenticate(token)).rejects.toMatchObject(refusal('unknown_key', false));
    expect(refreshes).toBe(0);
  });

  it('that cannot be reached say nothing against the token', async () => {
    const cause = new Error('no route');
    const unreachable = verifierWith({ keys: { get: () => undefined, refresh: () => Promise.reject(cause) } });
    await expect(unreachable.authenticate(await mint())).rejects.toMatchObject({ code: 'validity_unknown', cause });
  });

  it('end what they signed when they are revoked, even where they are still held', async () => {
    const token = await mint({ claims: { as_of: 100 } });
    await verifier.verify(token);
    truth.note('signing_key', 'ec');
    await expect(verifier.verify(token)).rejects.toMatchObject(refusal('key_revoked', true));
    await expect(verifier.verify(await mint({ claims: { as_of: truth.seq } }))).rejects.toMatchObject(
      refusal('key_revoked', true),
    );
    await expect(verifier.verify(await mint({ kid: 'rsa' }))).resolves.toBeDefined();
  });
});

describe('decide', () => {
  it('knows nothing before the window was loaded', async () => {
    const verified = await verifier.authenticate(await mint());
    expect(() => verifier.decide(verified)).toThrow(StaleWindowError);
  });

  it('decides by the window as it is, each time anew', async () => {
    const verified = await verifier.authenticate(await mint());
    await verifier.follower.freshSince(verifier.follower.monotonic());
    expect(verifier.decide(verified).subject).toBe('u1');
    truth.note('session', 's1');
    expect(verifier.decide(verified).subject).toBe('u1');
    await verifier.follower.freshSince(verifier.follower.monotonic());
    expect(() => verifier.decide(verified)).toThrow(expect.objectContaining(refusal('session_ended', true)));
  });
});

describe('options', () => {
  it('bound the age, the tolerance and the length of tokens', async () => {
    const token = await mint();
    await expect(verifierWith({ maxAgeSeconds: 99 }).verify(token)).rejects.toMatchObject(refusal('too_old', true));
    await expect(verifierWith({ maxAgeSeconds: 110 }).verify(token)).resolves.toBeDefined();
    const early = await mint({ claims: { nbf: NOW + 30 } });
    await expect(verifierWith().verify(early)).rejects.toMatchObject(refusal('not_yet_valid', true));
    await expect(verifierWith({ clockToleranceSeconds: 60 }).verify(early)).resolves.toBeDefined();
    await expect(verifierWith({ maxTokenLength: 100 }).verify(token)).rejects.toMatchObject(
      refusal('malformed', false),
    );
  });

  it('bound the cache', async () => {
    const token = await mint();
    const uncached = verifierWith({ cache: { maxEntries: 0 } });
    await uncached.authenticate(token);
    expect(uncached.cached(token)).toBeUndefined();
  });
});

describe('openSigned', () => {
  it('opens a token of any type whose signature is good', async () => {
    const token = await mint({ kid: 'broker', header: { typ: 'JWT' }, claims: { aud: 'urn:broker' } });
    const { jws, key } = await verifier.openSigned(token);
    expect(jws).toMatchObject({ header: { typ: 'JWT' }, payload: { aud: 'urn:broker' } });
    expect(key.audience).toBe('urn:broker');
  });
});
