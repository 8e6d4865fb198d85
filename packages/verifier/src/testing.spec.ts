import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { basicOf } from './client-token.js';
import { createVerifier, type Verifier } from './create-verifier.js';
import type { Notice } from './decisions.js';
import { StaleWindowError, VerificationError } from './errors.js';
import { startIssuer, type FakeIssuer } from './testing.js';
import type { VerifierOptions } from './verifier-options.js';

let issuer: FakeIssuer;
const open: Verifier[] = [];

beforeEach(async () => {
  issuer = await startIssuer({ audience: 'urn:orders' });
});
afterEach(async () => {
  for (const verifier of open.splice(0)) await verifier.close();
  await issuer.close();
});

async function follow(options: Partial<VerifierOptions> = {}): Promise<Verifier> {
  const verifier = createVerifier({ ...issuer.verifierOptions(), onNotice: () => undefined, ...options });
  open.push(verifier);
  await verifier.ready({ timeoutMs: 10_000 });
  return verifier;
}

/** `accepted`, or the reason of the refusal. */
async function outcome(verifier: Verifier, token: string): Promise<string> {
  try {
    await verifier.verify(token);
    return 'accepted';
  } catch (error) {
    if (error instanceof VerificationError) return error.reason;
    if (error instanceof StaleWindowError) return 'stale';
    throw error;
  }
}

/** Decides until it is decided otherwise. */
async function otherwise(decide: () => Promise<string>, than: string): Promise<string> {
  for (;;) {
    const decision = await decide();
    if (decision !== than) return decision;
    await new Promise(setImmediate);
  }
}

describe('the issuer for tests', () => {
  it('mints tokens that say what they are told to', async () => {
    const verifier = await follow();
    const told = { subject: 'ada', roles: ['clerk'], permissions: ['orders:read'], sessionId: 's1', tokenId: 't1' };
    expect(await verifier.verify(issuer.mint(told))).toMatchObject({
      subject: 'ada',
      clientId: 'portcullis',
      sessionId: 's1',
      tokenId: 't1',
      audience: ['urn:orders'],
      roles: ['clerk'],
      permissions: new Set(['orders:read']),
      scope: 'orders:read',
    });
    expect(await verifier.verify(issuer.mint({ sessionId: null, clientId: 'cron' }))).toMatchObject({
      sessionId: null,
      clientId: 'cron',
    });
  });

  it.each([
    [{ expiresIn: 0 }, 'expired'],
    [{ age: 400 }, 'expired'],
    [{ notBeforeIn: 60 }, 'not_yet_valid'],
    [{ audience: ['urn:billing'] }, 'wrong_audience'],
    [{ expiresIn: 90_000 }, 'lifetime_too_long'],
    [{ claims: { iss: 'https://elsewhere.example' } }, 'wrong_issuer'],
    [{ claims: { as_of: undefined } }, 'as_of_missing'],
    [{ claims: { sub: undefined } }, 'malformed'],
    [{ subjects: { sub: [], pub: [], all: ['/a'] } }, 'wrong_type'],
  ])('mints tokens that are no good: %j', async (options, reason) => {
    expect(await outcome(await follow(), issuer.mint(options))).toBe(reason);
  });

  it.each([
    [{ everything: true as const }, 'forced_expiration'],
    [{ user: 'ada' }, 'user_disabled'],
    [{ user: 'ada', reason: 'credentials_changed' as const }, 'credentials_changed'],
    [{ rolesOf: 'ada' }, 'facts_changed'],
    [{ client: 'portcullis' }, 'client_disabled'],
    [{ session: 's1' }, 'session_ended'],
    [{ token: 't1' }, 'token_revoked'],
    [{ audience: 'urn:orders' }, 'forced_expiration'],
  ])('ends tokens at every follower at once: %j', async (revocation, reason) => {
    const verifiers = [await follow(), await follow()];
    const mint = (): string => issuer.mint({ subject: 'ada', sessionId: 's1', tokenId: 't1' });
    const token = mint();
    const others = issuer.mint({ subject: 'bob', clientId: 'cron' });
    for (const verifier of verifiers) expect(await outcome(verifier, token)).toBe('accepted');
    await issuer.revoke(revocation);
    for (const verifier of verifiers) expect(await outcome(verifier, token)).toBe(reason);
    const general = 'everything' in revocation || 'audience' in revocation;
    expect(await outcome(verifiers[0] as Verifier, others)).toBe(general ? reason : 'accepted');
    for (const verifier of verifiers) expect(await outcome(verifier, mint())).toBe('accepted');
  });

  it('strips a role, and what came with it', async () => {
    const verifier = await follow();
    const token = issuer.mint({ roles: ['clerk', 'guest'], permissions: ['orders:read', 'orders:list'] });
    await issuer.revoke({ role: 'clerk', permissions: ['orders:read'] });
    expect(await verifier.verify(token)).toMatchObject({
      roles: ['guest'],
      permissions: new Set(['orders:list']),
      stripped: { roles: new Set(['clerk']), permissions: new Set(['orders:read']) },
    });
  });

  it('rotates and revokes keys', async () => {
    const verifier = await follow();
    const first = issuer.mint();
    issuer.rotateKey();
    const second = issuer.mint();
    for (const token of [first, second]) expect(await outcome(verifier, token)).toBe('accepted');
    await issuer.revoke({ key: issuer.kid });
    expect(await outcome(verifier, second)).toBe('key_revoked');
    expect(await outcome(verifier, first)).toBe('accepted');
    expect(await outcome(verifier, issuer.mint())).toBe('accepted');
  });

  it('withdraws a revoked key from those who know the published keys alone, too', async () => {
    const { issuer: url, audience } = issuer.verifierOptions();
    const verifier = createVerifier({ issuer: url, audience, onNotice: () => undefined });
    open.push(verifier);
    const token = issuer.mint();
    expect(await outcome(verifier, token)).toBe('accepted');
    await issuer.revoke({ key: issuer.kid });
    // The keys are asked for again when they have grown old, and when a token names a new one.
    expect(await outcome(verifier, issuer.mint())).toBe('accepted');
    expect(await outcome(verifier, token)).toBe('unknown_key');
  });

  it('lets time go on', async () => {
    const verifier = await follow();
    const token = issuer.mint({ expiresIn: 300 });
    await issuer.advance(290);
    expect(await outcome(verifier, token)).toBe('accepted');
    await issuer.advance(11);
    expect(await outcome(verifier, token)).toBe('expired');
    expect(await outcome(verifier, issuer.mint())).toBe('accepted');
  });

  it.each(['refuse', 'hang'] as const)('cuts the feed (%s) and restores it', async (how) => {
    const verifier = await follow({ maxStaleness: 150 });
    const token = issuer.mint({ subject: 'ada' });
    issuer.cutFeed({ how });
    await issuer.revoke({ user: 'ada' });
    expect(await otherwise(() => outcome(verifier, token), 'accepted')).toBe('stale');
    issuer.restoreFeed();
    expect(await otherwise(() => outcome(verifier, token), 'stale')).toBe('user_disabled');
  });

  it('asks by introspection about nothing that is refused anyway', async () => {
    const verifier = await follow({ maxStaleness: 100, onStale: 'introspect', maxAgeSeconds: 60 });
    const old = issuer.mint();
    await issuer.advance(61);
    const [ended, young] = [issuer.mint({ subject: 'ada' }), issuer.mint()];
    await issuer.revoke({ user: 'ada' });
    expect(await outcome(verifier, young)).toBe('accepted');
    issuer.cutFeed();
    await otherwise(() => verifier.verify(young).then(() => String(verifier.health().introspected)), '0');
    const { introspected } = verifier.health();
    expect(await outcome(verifier, old)).toBe('too_old');
    expect(await outcome(verifier, ended)).toBe('user_disabled');
    expect(verifier.health().introspected).toBe(introspected);
  });

  it('introspects while the feed is cut', async () => {
    const verifier = await follow({ maxStaleness: 100, onStale: 'introspect' });
    const token = issuer.mint({ subject: 'ada', roles: ['clerk'], permissions: ['orders:read'] });
    const others = issuer.mint();
    issuer.cutFeed();
    await otherwise(() => verifier.verify(token).then(() => String(verifier.health().introspected)), '0');
    await issuer.revoke({ role: 'clerk', permissions: ['orders:read'] });
    expect(await verifier.verify(token)).toMatchObject({
      roles: [],
      permissions: new Set(),
      stripped: { roles: new Set(['clerk']), permissions: new Set(['orders:read']) },
    });
    await issuer.revoke({ user: 'ada' });
    expect(await outcome(verifier, token)).toBe('token_revoked');
    expect(await outcome(verifier, others)).toBe('accepted');
  });

  it('knows its clients', async () => {
    const notices: Notice[] = [];
    const verifier = createVerifier({
      ...issuer.verifierOptions(),
      clientSecret: 'wrong',
      onNotice: (notice) => notices.push(notice),
    });
    open.push(verifier);
    await expect(verifier.ready({ timeoutMs: 100 })).rejects.toBeInstanceOf(StaleWindowError);
    const message = `the validity feed does not answer: POST ${issuer.url}/oauth/token answered 401`;
    expect(notices).toEqual([expect.objectContaining({ type: 'feed_lost', message })]);
  });

  it('takes no name of a subscriber that the service refuses', async () => {
    const { access_token: token } = (await (
      await fetch(`${issuer.url}/oauth/token`, { method: 'POST', headers: { authorization: basicOf(issuer) } })
    ).json()) as { access_token: string };
    const status = async (subscriber: string): Promise<number> => {
      const headers = { authorization: `Bearer ${token}`, 'portcullis-subscriber': subscriber };
      return (await fetch(`${issuer.url}/v1/validity/events?after=0&wait=0`, { headers })).status;
    };
    expect([await status('orders-1'), await status('orders #1'), await status('x'.repeat(65))]).toEqual([
      200, 400, 400,
    ]);
  });

  it('does not wait for a follower that was closed', async () => {
    const [gone, there] = [await follow(), await follow()];
    await gone.close();
    const token = issuer.mint({ subject: 'ada' });
    await issuer.revoke({ user: 'ada' });
    expect(await outcome(there, token)).toBe('user_disabled');
  });
});
