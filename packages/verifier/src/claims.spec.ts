import { describe, expect, it } from '@jest/globals';
import {
  addresseeRefusal,
  audienceOf,
  hasAccessTokenClaims,
  hasBrokerTokenClaims,
  isAccessTokenType,
  isBrokerTokenType,
  outlivesRetention,
  readTokenClaims,
  timeRefusal,
  type TokenClaims,
} from './claims.js';

const NOW = 1_800_000_000;
const CLAIMS = {
  iss: 'https://auth.example',
  sub: 'u1',
  aud: 'https://auth.example',
  exp: NOW + 300,
  iat: NOW,
  jti: 't1',
  client_id: 'portcullis',
  as_of: 7,
} satisfies TokenClaims;

describe('readTokenClaims', () => {
  it.each<[string, object]>([
    ['no more than what is required', {}],
    [
      'everything',
      { nbf: NOW, sid: 's1', roles: ['admin'], permissions: ['users:read'], scope: 'users:read', auth_time: NOW },
    ],
    ['several audiences', { aud: ['a', 'b'] }],
    ['no audience at all, which fits nobody', { aud: [] }],
    ['fractions of a second', { iat: NOW + 0.25, exp: NOW + 0.75 }],
    ['claims of others', { tenant: { id: 5 }, email: null }],
    ['an as_of of any shape: the refusal function judges it', { as_of: 'x' }],
    ['permissions of a broker', { permissions: { sub: ['/a'], pub: [], all: ['/b/*'] } }],
    ['the longest identifier', { jti: 'x'.repeat(512) }],
    ['identifiers in any script', { sub: 'Zoë 😀' }],
    ['empty lists', { roles: [], permissions: [], scope: '' }],
  ])('accepts %s', (_name, claims) => {
    expect(readTokenClaims({ ...CLAIMS, ...claims })).toEqual({ ...CLAIMS, ...claims });
  });

  it.each(['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id'])('refuses a token without %s', (name) => {
    expect(readTokenClaims({ ...CLAIMS, [name]: undefined })).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['iss', 1],
    ['sub', ''],
    ['sub', ['u1']],
    ['sub', null],
    ['aud', ''],
    ['aud', 5],
    ['aud', ['a', 5]],
    ['aud', { 0: 'a' }],
    ['exp', '1800000300'],
    ['exp', Infinity],
    ['exp', NaN],
    ['exp', null],
    ['iat', '0'],
    ['iat', -Infinity],
    ['nbf', '0'],
    ['nbf', null],
    ['jti', 5],
    ['jti', ''],
    ['client_id', {}],
    ['jti', 'x'.repeat(513)],
    ['jti', 'a\ud800b'],
    ['sub', 'u1\u0000'],
    ['sid', 'a\r\nb'],
    ['client_id', '\u001b[2J'],
    ['sid', null],
    ['sid', ''],
    ['roles', 'admin'],
    ['roles', [1]],
    ['roles', [['admin']]],
    ['permissions', 'users:read'],
    ['permissions', [null]],
    ['permissions', { sub: [], pub: [] }],
    ['permissions', { sub: [], pub: [], all: [1] }],
    ['permissions', null],
    ['scope', ['users:read']],
    ['auth_time', 'now'],
    ['preferred_username', 1],
  ])('refuses %s: %j', (name, value) => {
    expect(readTokenClaims({ ...CLAIMS, [name]: value })).toBeUndefined();
  });
});

describe('hasAccessTokenClaims', () => {
  it('knows permissions from the subjects of a broker', () => {
    expect(hasAccessTokenClaims(CLAIMS)).toBe(true);
    expect(hasAccessTokenClaims({ ...CLAIMS, permissions: ['users:read'] })).toBe(true);
    expect(hasAccessTokenClaims({ ...CLAIMS, permissions: { sub: [], pub: [], all: [] } })).toBe(false);
  });
});

describe('hasBrokerTokenClaims', () => {
  it('knows subjects from permissions: no token is of both kinds', () => {
    expect(hasBrokerTokenClaims({ ...CLAIMS, permissions: { sub: [], pub: [], all: [] } })).toBe(true);
    expect(hasBrokerTokenClaims({ ...CLAIMS, permissions: ['users:read'] })).toBe(false);
    expect(hasBrokerTokenClaims(CLAIMS)).toBe(false);
  });
});

describe('isBrokerTokenType', () => {
  it.each(['broker+jwt', 'BROKER+jwt', 'application/broker+jwt'])('accepts %s', (typ) => {
    expect([isBrokerTokenType(typ), isAccessTokenType(typ)]).toEqual([true, false]);
  });

  it.each([undefined, '', 'at+jwt', 'JWT', 'broker', 'x/broker+jwt'])('refuses %s', (typ) => {
    expect(isBrokerTokenType(typ)).toBe(false);
  });
});

describe('isAccessTokenType', () => {
  it.each(['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+jwt'])('accepts %s', (typ) => {
    expect(isAccessTokenType(typ)).toBe(true);
  });

  it.each([undefined, '', 'JWT', 'at+jwt ', 'jwt+at', 'application/jwt', 'logout+jwt', 'x/at+jwt'])(
    'refuses %s',
    (typ) => {
      expect(isAccessTokenType(typ)).toBe(false);
    },
  );
});

describe('addresseeRefusal', () => {
  interface Expected {
    issuer: string;
    audience: string;
    keyAudience: string | null;
  }
  const expected: Expected = { issuer: 'https://auth.example', audience: 'https://auth.example', keyAudience: null };

  it.each<[object, Partial<Expected>, string | null]>([
    [{}, {}, null],
    [{ aud: ['urn:b', 'https://auth.example'] }, {}, null],
    [{ iss: 'https://auth.example/' }, {}, 'wrong_issuer'],
    [{ iss: 'https://evil.example' }, {}, 'wrong_issuer'],
    [{ aud: 'urn:b' }, {}, 'wrong_audience'],
    [{ aud: [] }, {}, 'wrong_audience'],
    [{ aud: 'https://auth.example.evil' }, {}, 'wrong_audience'],
    [{}, { keyAudience: 'urn:b' }, 'wrong_audience'],
    [{ aud: ['urn:b', 'https://auth.example'] }, { keyAudience: 'urn:b' }, 'wrong_audience'],
    [{ aud: ['urn:b', 'https://auth.example'] }, { audience: 'urn:b', keyAudience: 'urn:b' }, 'wrong_audience'],
    [{ aud: 'urn:b' }, { audience: 'urn:b', keyAudience: 'urn:b' }, null],
    [{ aud: ['urn:b', 'urn:c'] }, { audience: 'urn:c', keyAudience: 'urn:d' }, 'wrong_audience'],
  ])('%j, expecting %j: %s', (claims, overrides, reason) => {
    expect(addresseeRefusal({ ...CLAIMS, ...claims }, { ...expected, ...overrides })).toBe(reason);
  });
});

describe('audienceOf', () => {
  it('is always a list', () => {
    expect(audienceOf(CLAIMS)).toEqual(['https://auth.example']);
    expect(audienceOf({ ...CLAIMS, aud: ['a', 'b'] })).toEqual(['a', 'b']);
  });
});

describe('timeRefusal', () => {
  const limits = { maxAgeSeconds: undefined, clockToleranceSeconds: 5 };

  it.each<[string, object, number, object, string | null]>([
    ['just issued', {}, NOW, {}, null],
    ['just before exp', {}, NOW + 299.999, {}, null],
    ['at exp', {}, NOW + 300, {}, 'expired'],
    ['after exp', {}, NOW + 300.001, {}, 'expired'],
    ['exp gets no tolerance', {}, NOW + 301, { clockToleranceSeconds: 60 }, 'expired'],
    ['issued within the tolerance', {}, NOW - 5, {}, null],
    ['issued beyond the tolerance', {}, NOW - 5.001, {}, 'not_yet_valid'],
    ['nbf reached', { nbf: NOW + 10 }, NOW + 10, {}, null],
    ['nbf within the tolerance', { nbf: NOW + 10 }, NOW + 5, {}, null],
    ['nbf beyond the tolerance', { nbf: NOW + 10 }, NOW + 4.9, {}, 'not_yet_valid'],
    ['no tolerance', { nbf: NOW + 10 }, NOW + 9.9, { clockToleranceSeconds: 0 }, 'not_yet_valid'],
    ['as old as allowed', {}, NOW + 60, { maxAgeSeconds: 60 }, null],
    ['older than allowed', {}, NOW + 60.001, { maxAgeSeconds: 60 }, 'too_old'],
    ['an age limit of zero', {}, NOW + 0.1, { maxAgeSeconds: 0 }, 'too_old'],
    ['expired counts before not yet valid', { nbf: NOW + 900 }, NOW + 300, {}, 'expired'],
    ['expired counts before too old', {}, NOW + 300, { maxAgeSeconds: 1 }, 'expired'],
  ])('%s', (_name, claims, now, overrides, reason) => {
    expect(timeRefusal({ ...CLAIMS, ...claims }, now, { ...limits, ...overrides })).toBe(reason);
  });
});

describe('outlivesRetention', () => {
  const keep = { keepSeconds: 3600, keepAccessSeconds: 300 };

  it.each<[object, boolean]>([
    [{ exp: NOW + 3600 }, false],
    [{ exp: NOW + 3601 }, true],
    [{ exp: NOW + 300, sid: 's1' }, false],
    [{ exp: NOW + 301, sid: 's1' }, true],
  ])('%j: %s', (claims, outlives) => {
    expect(outlivesRetention({ ...CLAIMS, ...claims }, keep)).toBe(outlives);
  });

  it('holds a session token to the shorter of both', () => {
    const claims = { ...CLAIMS, exp: NOW + 301, sid: 's1' };
    expect(outlivesRetention(claims, { keepSeconds: 300, keepAccessSeconds: 3600 })).toBe(true);
  });
});
