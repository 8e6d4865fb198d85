import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createVerifier, type Verifier } from './create-verifier.js';
import type { Decision, Notice } from './decisions.js';
import { StaleWindowError } from './errors.js';
import { bearerAuth } from './express.js';
import { allows } from './subjects.js';
import { startIssuer, type FakeIssuer } from './testing.js';
import type { VerifierOptions } from './verifier-options.js';

let issuer: FakeIssuer;
const open: { close(): Promise<unknown> }[] = [];

beforeEach(async () => {
  issuer = await startIssuer({ audience: 'urn:orders' });
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await issuer.close();
});

async function follow(options: Partial<VerifierOptions> = {}): Promise<Verifier> {
  const verifier = createVerifier({ ...issuer.verifierOptions(), onNotice: () => undefined, ...options });
  open.push(verifier);
  await verifier.ready({ timeoutMs: 10_000 });
  return verifier;
}

/** In ms: knowledge older than this is too old for the verifiers that wait for it. */
const LONGEST_STALENESS = 200;

/** Waits until the knowledge of the verifier is older than it may be. */
async function stale(verifier: Verifier): Promise<void> {
  for (;;) {
    const { connected, ageMs } = verifier.health();
    if (!connected && (ageMs ?? 0) > LONGEST_STALENESS) return;
    await new Promise(setImmediate);
  }
}

const failsLater = (): unknown => Promise.reject(new Error('a fault in logging'));

describe('metrics', () => {
  it('are told of each decision: how, on what, and how long it took', async () => {
    const decisions: Decision[] = [];
    const onDecision = (decision: Decision): void => void decisions.push(decision);
    const verifier = await follow({ maxStaleness: 200, onDecision });
    await verifier.verify(issuer.mint());
    await expect(verifier.verify('a.b.c')).rejects.toThrow();
    const fresh = issuer.mint();
    issuer.cutFeed();
    await stale(verifier);
    await expect(verifier.verify(fresh)).rejects.toBeInstanceOf(StaleWindowError);
    await verifier.verify(fresh, { onStale: 'introspect' });
    await verifier.verify(fresh, { onStale: 'accept-until-exp' });
    const times = { ageMs: expect.any(Number), durationMs: expect.any(Number) };
    expect(decisions).toEqual([
      { outcome: 'accepted', basis: 'window', ...times },
      { outcome: 'refused', reason: 'malformed', basis: 'window', ...times },
      { outcome: 'unavailable', basis: 'window', ...times },
      { outcome: 'accepted', basis: 'introspection', ...times },
      { outcome: 'accepted', basis: 'old_knowledge', ...times },
    ]);
    expect(decisions.at(-1)?.ageMs).toBeGreaterThan(200);
    expect(verifier.health()).toMatchObject({
      status: 'degraded',
      accepted: 3,
      refused: 1,
      unavailable: 1,
      acceptedOnOldKnowledge: 1,
      introspected: 1,
    });
  });

  it('break no decision', async () => {
    const verifier = await follow({
      maxStaleness: 100,
      onStale: 'accept-until-exp',
      onDecision: () => {
        throw new Error('a fault in metrics');
      },
      // Typed as returning nothing; a promise that fails must not become an unhandled rejection either.
      onNotice: failsLater,
    });
    await verifier.verify(issuer.mint());
    await expect(verifier.verify('a.b.c')).rejects.toMatchObject({ reason: 'malformed' });
    issuer.cutFeed();
    await stale(verifier);
    await verifier.verify(issuer.mint());
  });

  it('know a verifier that is not connected from one that is', async () => {
    const decisions: Decision[] = [];
    const { url, audience } = issuer;
    const alone = createVerifier({
      issuer: url,
      audience,
      onNotice: () => undefined,
      onDecision: (one) => decisions.push(one),
    });
    open.push(alone);
    await alone.ready();
    await alone.verify(issuer.mint());
    expect(decisions).toEqual([expect.objectContaining({ basis: 'signature', ageMs: null })]);
    expect(alone.health()).toMatchObject({ status: 'degraded', connected: false, ageMs: null, keys: 1 });
  });
});

describe('a verifier', () => {
  it('is healthy also when each decision asks anew', async () => {
    const verifier = await follow({ maxStaleness: 0 });
    await verifier.verify(issuer.mint());
    expect(verifier.health()).toMatchObject({ status: 'ok', connected: true });
    issuer.cutFeed();
    await expect(verifier.verify(issuer.mint())).rejects.toBeInstanceOf(StaleWindowError);
    expect(verifier.health()).toMatchObject({ status: 'degraded', connected: false });
  });

  it('decides nothing once it is closed', async () => {
    const verifier = await follow({ onStale: 'accept-until-exp' });
    const token = issuer.mint();
    await verifier.verify(token);
    await verifier.close();
    await expect(verifier.verify(token)).rejects.toBeInstanceOf(StaleWindowError);
    expect(verifier.health()).toMatchObject({ status: 'degraded', connected: false });
  });

  it('takes no unknown word about old knowledge for permission', async () => {
    const verifier = await follow({ maxStaleness: 100 });
    const token = issuer.mint();
    for (const options of [{ onStale: 'accept' as 'refuse' }, { maxStaleness: NaN }, { maxStaleness: Infinity }]) {
      await expect(verifier.verify(token, options)).rejects.toBeInstanceOf(TypeError);
      expect(() => createVerifier({ ...issuer.verifierOptions(), ...options })).toThrow(TypeError);
    }
  });

  it('accepts on old knowledge also what is newer than that, but not by a key that it knows to be revoked', async () => {
    const notices: Notice[] = [];
    const verifier = await follow({
      maxStaleness: 100,
      onStale: 'accept-until-exp',
      onNotice: (notice) => notices.push(notice),
    });
    const before = issuer.mint({ subject: 'ada' });
    await issuer.revoke({ user: 'ada' });
    const ahead = issuer.mint({ claims: { as_of: Date.now() * 2_000 } });
    for (const token of [before, ahead]) await expect(verifier.verify(token)).rejects.toThrow();
    await issuer.revoke({ key: issuer.kid });
    await verifier.verify(issuer.mint());
    issuer.cutFeed();
    await stale(verifier);
    await issuer.revoke({ user: 'bob' });
    await verifier.verify(issuer.mint({ subject: 'bob', tokenId: 'newer' }));
    expect(notices.at(-1)).toMatchObject({ type: 'accepted_on_old_knowledge', tokenId: 'newer' });
    await expect(verifier.verify(issuer.mint({ expiresIn: 0 }))).rejects.toMatchObject({ reason: 'expired' });
    for (const token of [before, ahead]) {
      await expect(verifier.verify(token)).rejects.toMatchObject({ reason: 'key_revoked' });
    }
  });

  it('gets itself another token when its own was ended, without a pause', async () => {
    const notices: Notice[] = [];
    const verifier = await follow({ onNotice: (notice) => notices.push(notice) });
    issuer.endClientTokens();
    await verifier.verify(issuer.mint(), { maxStaleness: 0 });
    expect(notices).toEqual([]);
  });

  it("tells its client's secret to nobody", async () => {
    const told: unknown[] = [];
    const clientSecret = 'the-secret-of-orders';
    const verifier = createVerifier({
      ...issuer.verifierOptions(),
      clientSecret,
      onNotice: (notice) => told.push(notice),
    });
    open.push(verifier);
    await verifier.ready({ timeoutMs: 50 }).catch((error: unknown) => told.push(error));
    await verifier.verify(issuer.mint()).catch((error: unknown) => told.push(error));
    expect(told).toHaveLength(3);
    const text = told.map((one) => everything(one)).join();
    expect(text).toContain('/oauth/token answered 401');
    expect(text).not.toContain(clientSecret);
    expect(text).not.toContain(Buffer.from(`test-service:${clientSecret}`).toString('base64'));
  });
});

/** A thing as text, with the causes of errors. */
function everything(thing: unknown): string {
  if (!(thing instanceof Error)) {
    return (
      JSON.stringify(thing) + (typeof thing === 'object' && thing && 'cause' in thing ? everything(thing.cause) : '')
    );
  }
  return `${String(thing.stack)} ${JSON.stringify(thing)} ${thing.cause === undefined ? '' : everything(thing.cause)}`;
}

describe('several addresses', () => {
  type Answer = (request: IncomingMessage, response: ServerResponse) => void;

  async function instance(answer: Answer): Promise<string> {
    const server: Server = createServer(answer).listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push({
      close: () => {
        server.closeAllConnections();
        server.close();
        return once(server, 'close');
      },
    });
    return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  }

  const metadata = (): object => ({
    issuer: issuer.url,
    jwks_uri: `${issuer.url}/jwks`,
    token_endpoint: `${issuer.url}/token`,
    introspection_endpoint: `${issuer.url}/introspect`,
  });

  /** Says the right things of itself and then `rest`. */
  const wellKnownAnd =
    (rest: (response: ServerResponse) => void): Answer =>
    (request, response) => {
      if (request.url?.startsWith('/.well-known/')) response.end(JSON.stringify(metadata()));
      else rest(response);
    };

  it.each<[string, Answer]>([
    ['404', (_request, response) => response.writeHead(404).end()],
    ['401', (_request, response) => response.writeHead(401).end()],
    ['garbage', (_request, response) => response.end('<html>welcome</html>')],
    ['an empty object', (_request, response) => response.end('{}')],
    ['null', (_request, response) => response.end('null')],
    ['the metadata of another issuer', (_request, response) => response.end('{"issuer":"https://evil.example"}')],
    [
      'addresses that lie elsewhere',
      (_request, response) =>
        response.end(
          JSON.stringify({
            ...metadata(),
            jwks_uri: 'http://127.0.0.1:9/jwks',
            token_endpoint: `${issuer.url}.evil.example/token`,
          }),
        ),
    ],
    ['a redirect', (_request, response) => response.writeHead(302, { location: issuer.url }).end()],
    ['more than anyone needs', (_request, response) => response.end(`"${'x'.repeat(2_000_000)}"`)],
    ['nothing', (_request, response) => response.destroy()],
    ['metadata, then {}', wellKnownAnd((response) => response.end('{}'))],
    ['metadata, then 500', wellKnownAnd((response) => response.writeHead(500).end())],
    [
      'metadata, then a token that no header can hold',
      wellKnownAnd((response) => response.end('{"access_token":"a\\nb","expires_in":300,"keys":[],"active":"yes"}')),
    ],
  ])('of which the first answers with %s: the other serves', async (_, answer) => {
    const bad = await instance(answer);
    const verifier = await follow({ urls: [bad, issuer.url], maxStaleness: 1_000 });
    await verifier.verify(issuer.mint());
    issuer.rotateKey();
    await verifier.verify(issuer.mint());
    issuer.cutFeed();
    await stale(verifier);
    await verifier.verify(issuer.mint({ tokenId: 't1' }), { onStale: 'introspect' });
  });
});

describe("a verifier of brokers' tokens", () => {
  const subjects = { sub: ['/orders/*'], pub: [], all: ['/chat/1'] };

  it('gives the subjects that a token permits', async () => {
    const broker = createVerifier({ ...issuer.verifierOptions(), tokenType: 'broker', onNotice: () => undefined });
    open.push(broker);
    await broker.ready({ timeoutMs: 10_000 });
    const token = issuer.mint({ subject: 'ada', subjects });
    const { subject, permissions } = await broker.verify(token);
    expect([subject, permissions]).toEqual(['ada', subjects]);
    expect(allows(permissions, 'sub', '/orders/7')).toBe(true);
    expect(allows(permissions, 'pub', '/orders/7')).toBe(false);
    expect(allows(permissions, 'pub', '/chat/1')).toBe(true);
    await issuer.revoke({ user: 'ada' });
    await expect(broker.verify(token)).rejects.toMatchObject({ reason: 'user_disabled' });
  });

  it('accepts no access token, whose verifier accepts none of these, and guards no routes', async () => {
    const broker = createVerifier({ ...issuer.verifierOptions(), tokenType: 'broker', onNotice: () => undefined });
    open.push(broker);
    await broker.ready({ timeoutMs: 10_000 });
    await expect(broker.verify(issuer.mint())).rejects.toMatchObject({ reason: 'wrong_type' });
    await expect((await follow()).verify(issuer.mint({ subjects }))).rejects.toMatchObject({ reason: 'wrong_type' });
    const disguised = issuer.mint({ claims: { permissions: subjects } });
    await expect((await follow()).verify(disguised)).rejects.toMatchObject({ reason: 'malformed' });
    await expect(broker.verify(issuer.mint({ subjects, claims: { permissions: ['a'] } }))).rejects.toMatchObject({
      reason: 'malformed',
    });
    expect(() => bearerAuth(broker as unknown as Verifier)).toThrow('cannot guard routes');
    expect(() => createVerifier({ ...issuer.verifierOptions(), tokenType: 'any' as 'broker' })).toThrow('tokenType');
  });
});
