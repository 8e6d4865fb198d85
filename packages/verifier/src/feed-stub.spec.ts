import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { verificationKey } from './algorithms.js';
import { StaleWindowError } from './errors.js';
import { hashedKey, type CatchUp, type ValidityEvent, type ValiditySource } from './events.js';
import { WindowFollower } from './follower.js';
import { TokenVerifier } from './verifier.js';
import { ValidityWindow } from './window.js';

/**
 * The same core as in the service, with events that come from elsewhere: over HTTP, with hashed keys, as a microservice will
 * have them.
 */

const ISSUER = 'https://auth.example';
const NOW = 1_800_000_000;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');

/** Stands for the service: answers `GET /v1/validity/events?after=`. */
class FeedStub {
  seq = 10;
  floor = 0;
  events: ValidityEvent[] = [];
  mood: 'answer' | 'hang' | 'break' | 'garble' = 'answer';
  readonly asked: number[] = [];
  readonly hanging: ServerResponse[] = [];
  readonly #server: Server = createServer((request, response) => {
    const after = Number(new URL(request.url ?? '', 'http://stub').searchParams.get('after'));
    this.asked.push(after);
    this.#answer(after, response);
  });

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${String(port)}/v1/validity/events`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  note(event: Omit<ValidityEvent, 'seq'>): void {
    this.events.push({ ...event, seq: ++this.seq });
  }

  #answer(after: number, response: ServerResponse): void {
    const { seq, floor } = this;
    switch (this.mood) {
      case 'hang':
        this.hanging.push(response);
        return;
      case 'break':
        response.writeHead(500).end();
        return;
      case 'garble':
        response.end('{"seq": 11, "floor": 0, "keepSeconds": 3600}');
        return;
      case 'answer': {
        const events = this.events.filter((event) => event.seq > after);
        const answer: CatchUp = {
          seq,
          floor,
          keepSeconds: 3600,
          keepAccessSeconds: 300,
          now: NOW * 1000,
          waitedMs: 0,
          events,
        };
        response.end(JSON.stringify(answer));
      }
    }
  }
}

function sourceAt(url: string): ValiditySource {
  return async (after, signal) => {
    const response = await fetch(`${url}?after=${String(after)}`, { signal });
    if (!response.ok) throw new Error(`feed answered ${String(response.status)}`);
    // What is not a CatchUp is found out by the window.
    return (await response.json()) as CatchUp;
  };
}

function mint(claims: object = {}): Promise<string> {
  const base = {
    iss: ISSUER,
    sub: 'u1',
    aud: 'urn:orders',
    exp: NOW + 300,
    iat: NOW,
    jti: 't1',
    client_id: 'portcullis',
  };
  return new SignJWT({ ...base, sid: 's1', as_of: 10, ...claims })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'k1', typ: 'at+jwt' })
    .sign(privateKey);
}

let feed: FeedStub;
let follower: WindowFollower;
let verifier: TokenVerifier;

function follow(url: string, timeoutMs: number): void {
  const key = verificationKey('k1', publicKey);
  follower = new WindowFollower(sourceAt(url), new ValidityWindow({ hashedKeys: true }), { timeoutMs });
  verifier = new TokenVerifier({
    issuer: ISSUER,
    audience: 'urn:orders',
    keys: { get: (kid) => (kid === 'k1' ? key : undefined), refresh: () => Promise.resolve(undefined) },
    follower,
  });
}

let url: string;

beforeEach(async () => {
  feed = new FeedStub();
  url = await feed.listen();
  follow(url, 5_000);
});

afterEach(async () => {
  follower.stop();
  await feed.close();
});

describe('a microservice that follows a feed over HTTP', () => {
  it('accepts a token and, from the moment the user is disabled, refuses it', async () => {
    const token = await mint();
    await expect(verifier.verify(token)).resolves.toMatchObject({ subject: 'u1' });
    feed.note({ kind: 'user', key: hashedKey('user', 'u1'), reason: 'user_disabled' });
    await expect(verifier.verify(token)).rejects.toMatchObject({ reason: 'user_disabled', signatureValid: true });
    await expect(verifier.verify(await mint({ sub: 'u2' }))).resolves.toMatchObject({ subject: 'u2' });
    await expect(verifier.verify(await mint({ as_of: feed.seq }))).resolves.toMatchObject({ subject: 'u1' });
    expect(feed.asked.slice(0, 3)).toEqual([0, 10, 11]);
  });

  it.each([
    ['session', 's1', 'session_ended'],
    ['token', 't1', 'token_revoked'],
    ['user_facts', 'u1', 'facts_changed'],
  ] as const)('knows a %s by its hash', async (kind, id, reason) => {
    const token = await mint();
    await verifier.verify(token);
    feed.note({ kind, key: hashedKey(kind, id), reason });
    await expect(verifier.verify(token)).rejects.toMatchObject({ reason });
  });

  it('learns of clients, audiences and keys by their names', async () => {
    feed.note({ kind: 'client', key: 'portcullis', reason: 'client_disabled' });
    await expect(verifier.verify(await mint())).rejects.toMatchObject({ reason: 'client_disabled' });
    feed.note({ kind: 'audience', key: 'urn:orders', reason: 'forced_expiration' });
    await expect(verifier.verify(await mint({ as_of: 11 }))).rejects.toMatchObject({ reason: 'forced_expiration' });
    feed.note({ kind: 'signing_key', key: 'k1', reason: 'key_revoked' });
    await expect(verifier.verify(await mint({ as_of: feed.seq }))).rejects.toMatchObject({ reason: 'key_revoked' });
  });

  it('does not guess while the feed hangs, and knows what it missed when it answers', async () => {
    const token = await mint();
    follow(url, 50);
    feed.mood = 'hang';
    await expect(verifier.verify(token)).rejects.toBeInstanceOf(StaleWindowError);
    feed.mood = 'answer';
    feed.note({ kind: 'user', key: hashedKey('user', 'u1'), reason: 'user_deleted' });
    follower.stop();
    follow(url, 5_000);
    await expect(verifier.verify(token)).rejects.toMatchObject({ reason: 'user_deleted' });
  });

  it('closes the connection of a request that it has given up', async () => {
    follow(url, 50);
    feed.mood = 'hang';
    await expect(verifier.verify(await mint())).rejects.toBeInstanceOf(StaleWindowError);
    const [response] = feed.hanging;
    if (response !== undefined && !response.closed) await once(response, 'close');
    expect(feed.asked).toEqual([0]);
  });

  it.each(['break', 'garble'] as const)('does not guess when the feed answers badly (%s)', async (mood) => {
    const token = await mint();
    await verifier.verify(token);
    feed.mood = mood;
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'validity_unknown' });
    feed.mood = 'answer';
    await expect(verifier.verify(token)).resolves.toBeDefined();
  });

  it('does not guess when nobody is there', async () => {
    const token = await mint();
    await verifier.verify(token);
    await feed.close();
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'validity_unknown' });
    feed = new FeedStub();
    await feed.listen();
  });

  it('reloads when the service was restored from a backup', async () => {
    feed.note({ kind: 'user', key: hashedKey('user', 'u1'), reason: 'user_disabled' });
    await expect(verifier.verify(await mint())).rejects.toMatchObject({ reason: 'user_disabled' });
    Object.assign(feed, { seq: 10, events: [] });
    await expect(verifier.verify(await mint())).resolves.toBeDefined();
    expect(feed.asked).toEqual([0, 11, 0]);
    await expect(verifier.verify(await mint({ as_of: 11 }))).rejects.toMatchObject({ reason: 'not_yet_valid' });
  });
});
