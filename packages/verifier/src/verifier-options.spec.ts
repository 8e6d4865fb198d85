import { describe, expect, it } from '@jest/globals';
import { assertVerifyOptions, settingsOf } from './verifier-options.js';

const GOOD = { issuer: 'https://auth.example', audience: 'urn:orders', clientId: 'orders', clientSecret: 's' };

const settings = (options: object): unknown => settingsOf({ ...GOOD, ...options });

describe('the options of a verifier', () => {
  it('have defaults', () => {
    expect(settings({})).toEqual({
      issuer: 'https://auth.example',
      audience: 'urn:orders',
      urls: ['https://auth.example'],
      credentials: { clientId: 'orders', clientSecret: 's' },
      tokenType: 'access',
      maxStaleness: 5_000,
      onStale: 'refuse',
      limits: { maxAgeSeconds: undefined, clockToleranceSeconds: 5 },
    });
  });

  it.each<[object, string]>([
    [{ onStal: 'introspect' }, 'there is no option "onStal"; is onStale meant?'],
    [{ maxStalenes: 0 }, 'there is no option "maxStalenes"; is maxStaleness meant?'],
    [{ readyTimeoutMs: 5 }, 'there is no option "readyTimeoutMs"'],
    [{ cache: { maxEntrys: 5 } }, 'there is no option of the cache "maxEntrys"; is maxEntries meant?'],
    [{ cache: 5 }, 'cache is { maxEntries, maxBytes }'],
    [{ cache: { maxEntries: NaN } }, 'cache.maxEntries is a number of tokens, from 0 to 10000000, not NaN'],
    [{ cache: { maxEntries: 1e9 } }, 'cache.maxEntries'],
    [{ cache: { maxBytes: Number(undefined) } }, 'cache.maxBytes is a number of bytes, 0 or more, not NaN'],
    [{ cache: { maxBytes: '1024' } }, 'not "1024"'],
    [{ maxStaleness: '5000' }, 'maxStaleness is a number of ms, from 0 to 3600000, not "5000"'],
    [{ maxStaleness: -1 }, 'maxStaleness'],
    [{ maxStaleness: 3_600_001 }, 'maxStaleness'],
    [{ maxStaleness: null }, 'not null'],
    [{ maxAgeSeconds: '60' }, 'maxAgeSeconds is a number of seconds, 0 or more, not "60"'],
    [{ maxAgeSeconds: Infinity }, 'not Infinity'],
    [{ clockToleranceSeconds: NaN }, 'clockToleranceSeconds'],
    [{ clockToleranceSeconds: 5_000 }, 'from 0 to 3600'],
    [{ subscriber: 'orders #1' }, '1 to 64 letters, digits'],
    [{ subscriber: 'orders\n1' }, '1 to 64 letters, digits'],
    [{ subscriber: '' }, '1 to 64 letters, digits'],
    [{ subscriber: 'x'.repeat(65) }, '1 to 64 letters, digits'],
    [{ allowInsecure: 'false' }, 'allowInsecure is a boolean'],
    [{ onNotice: 'log' }, 'onNotice is a function'],
    [{ onDecision: {} }, 'onDecision is a function'],
    [{ clientId: 7 }, 'clientId is a string'],
    [{ clientSecret: '' }, 'a clientId and a clientSecret'],
    [{ clientId: undefined, clientSecret: undefined, onStale: 'introspect' }, 'introspection needs'],
    [{ onStale: 'accept' }, 'onStale is refuse'],
    [{ audience: '' }, 'the audience is missing'],
    [{ audience: undefined }, 'the audience is missing'],
    [{ issuer: undefined }, 'is not a URL'],
    [{ issuer: new URL('https://auth.example') }, 'issuer is a string'],
    [{ urls: 'https://a.example' }, 'urls is a list'],
    [{ urls: [] }, 'urls names no address'],
    [{ urls: ['http://a.example'] }, 'not https:'],
    [{ issuer: 'http://evil.localhost' }, 'not https:'],
    [{ issuer: 'http://localhost.evil.example' }, 'not https:'],
    [{ issuer: 'http://127.evil.example' }, 'not https:'],
    [{ tokenType: 'any' }, 'tokenType'],
  ])('are refused: %j', (options, message) => {
    expect(() => settings(options)).toThrow(TypeError);
    expect(() => settings(options)).toThrow(message);
  });

  it.each([
    { cache: { maxEntries: 0 }, subscriber: 'orders-7c9f:1', maxAgeSeconds: 0, clockToleranceSeconds: 0 },
    { maxStaleness: 3_600_000, cache: {}, urls: ['https://a.example', 'https://b.example'] },
    { issuer: 'http://localhost:3000' },
    { issuer: 'http://127.0.0.1:3000' },
    { issuer: 'http://127.1.2.3' },
    { issuer: 'http://[::1]:3000' },
    { issuer: 'http://evil.localhost', allowInsecure: true },
    { maxStaleness: undefined, subscriber: undefined, cache: undefined },
  ])('are taken: %j', (options) => {
    expect(() => settings(options)).not.toThrow();
  });

  it('of one request are these two', () => {
    assertVerifyOptions({ maxStaleness: 0, onStale: 'refuse' });
    expect(() => {
      assertVerifyOptions({ maxstaleness: 0 } as object);
    }).toThrow('is maxStaleness meant?');
    expect(() => {
      assertVerifyOptions({ maxStaleness: '0' } as object);
    }).toThrow('not "0"');
  });
});
