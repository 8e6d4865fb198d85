import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { verificationKey, type VerificationKey } from './algorithms.js';
import { fetchKeys, readKeys, RemoteKeys } from './remote-keys.js';

const { publicKey } = generateKeyPairSync('ed25519');
const jwk = (kid: string): object => ({ ...publicKey.export({ format: 'jwk' }), kid, alg: 'EdDSA', use: 'sig' });
const setOf = (...kids: string[]): Map<string, VerificationKey> =>
  new Map(kids.map((kid) => [kid, verificationKey(kid, publicKey)]));

/** An issuer whose published keys a test changes, and which counts how often it is asked. */
function issuer(...kids: string[]) {
  const state = { kids, questions: 0, fails: false, now: 0 };
  const load = async () => {
    state.questions += 1;
    await new Promise(setImmediate);
    if (state.fails) throw new Error('down');
    return { keys: setOf(...state.kids), maxAge: 300 };
  };
  return { state, load };
}

describe('the keys of the issuer', () => {
  it('are asked for once for all who come at the same time', async () => {
    const { state, load } = issuer('k1');
    const keys = new RemoteKeys(load);
    const found = await Promise.all(Array.from({ length: 20 }, () => keys.refresh('k1')));
    expect(found.every((key) => key?.kid === 'k1')).toBe(true);
    expect(state.questions).toBe(1);
  });

  it('are not asked for more often than the cool-down allows, whatever kids are invented', async () => {
    const { state, load } = issuer('k1');
    const keys = new RemoteKeys(load, { cooldownMs: 100 });
    await keys.reload();
    const began = performance.now();
    for (let round = 0; round < 5; round++) {
      const invented = Array.from({ length: 200 }, (_, i) => keys.refresh(`${String(round)}-${String(i)}`));
      for (const key of await Promise.all(invented)) expect(key).toBeUndefined();
    }
    const most = 2 + (performance.now() - began) / 100;
    console.log(`1000 invented kids: ${String(state.questions - 1)} questions (at most ${most.toFixed(0)})`);
    expect(state.questions - 1).toBeLessThanOrEqual(most);
    expect(keys.get('k1')).toBeDefined();
  });

  it('that could not be had are asked for again after the cool-down, and until then nobody waits for the same failure', async () => {
    const { state, load } = issuer('k1');
    state.fails = true;
    const keys = new RemoteKeys(load, { cooldownMs: 1_000, monotonic: () => state.now });
    await expect(keys.reload()).rejects.toThrow('down');
    state.fails = false;
    state.now = 999;
    await expect(keys.refresh('k1')).rejects.toThrow('a moment ago');
    expect(state.questions).toBe(1);
    state.now = 1_000;
    await expect(keys.refresh('k1')).resolves.toMatchObject({ kid: 'k1' });
  });

  it('of which one is new are found without waiting', async () => {
    const { state, load } = issuer('k1');
    const keys = new RemoteKeys(load, { cooldownMs: 3_600_000 });
    await keys.reload();
    for (const kid of ['k2', 'k3', 'k4']) {
      state.kids.push(kid);
      await expect(keys.refresh(kid)).resolves.toMatchObject({ kid });
    }
    expect(state.questions).toBe(4);
  });

  it('are asked for again by who came while an earlier question was under way', async () => {
    const { state, load } = issuer('k1');
    const keys = new RemoteKeys(async () => {
      const set = await load();
      // Published too late for the first answer.
      if (state.questions === 1) state.kids.push('k2');
      return set;
    });
    const early = keys.reload();
    while (state.questions === 0) await Promise.resolve();
    await expect(keys.refresh('k2')).resolves.toMatchObject({ kid: 'k2' });
    await early;
  });

  it('serve on while they are renewed, and when that fails', async () => {
    const { state, load } = issuer('k1');
    const keys = new RemoteKeys(load, { monotonic: () => state.now, cooldownMs: 0 });
    await keys.reload();
    state.now = 299_999;
    keys.get('k1');
    expect(state.questions).toBe(1);
    state.now = 300_000;
    state.fails = true;
    expect(keys.get('k1')).toBeDefined();
    while (state.questions < 2) await new Promise(setImmediate);
    expect(keys.get('k1')).toBeDefined();
    state.now += 29_999;
    keys.get('k1');
    await new Promise(setImmediate);
    expect(state.questions).toBe(2);
    state.now += 1;
    state.fails = false;
    state.kids = ['k2'];
    expect(keys.get('k1')).toBeDefined();
    while (keys.get('k2') === undefined) await new Promise(setImmediate);
    expect(keys.get('k1')).toBeUndefined();
  });
});

describe('a published set of keys', () => {
  const published = async (body: string, headers: Record<string, string> = {}) => {
    const server = createServer((_request, response) => response.writeHead(200, headers).end(body)).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    try {
      return await fetchKeys(
        `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`,
        new AbortController().signal,
      );
    } finally {
      server.close();
      server.closeAllConnections();
    }
  };
  const good = JSON.stringify({ keys: [jwk('k1')] });

  it.each<[Record<string, string>, number]>([
    [{}, 300],
    [{ 'cache-control': 'public, max-age=120' }, 120],
    [{ 'cache-control': 'max-age=0' }, 30],
    [{ 'cache-control': 'max-age=99999999' }, 3_600],
    [{ 'cache-control': 's-max-age=7, no-cache' }, 300],
  ])('with %j need not be asked for again for %d s', async (headers, maxAge) => {
    expect(await published(good, headers)).toMatchObject({ maxAge });
  });

  it.each([
    '{}',
    '{"keys":[]}',
    '{"keys":"all"}',
    'null',
    '[]',
    '<html>',
    JSON.stringify({ keys: [{ kty: 'oct', kid: 'k', k: 'AAAA' }] }),
  ])('is not %s', async (body) => {
    await expect(published(body)).rejects.toMatchObject({ name: 'HttpError' });
  });

  it('holds keys for signatures that can be used, and at most 100', () => {
    const odd = [
      null,
      1,
      { kid: 'x' },
      { ...jwk('enc'), use: 'enc' },
      { ...jwk('other'), alg: 'RS256' },
      { ...jwk(''), kid: '' },
    ];
    expect([...readKeys({ keys: [...odd, jwk('k1')] }).keys()]).toEqual(['k1']);
    expect(readKeys({ keys: Array.from({ length: 200 }, (_, i) => jwk(`k${String(i)}`)) }).size).toBe(100);
  });
});
