import { describe, expect, it } from '@jest/globals';
import type { TokenClaims } from './claims.js';
import { hashedKey, type CatchUp, type EventKind, type ValidityEvent } from './events.js';
import { endingEvent, ENDING_KINDS, outrunsWindow, refusalOf, strippedBy } from './refusal.js';
import { VerifiedToken } from './verified-token.js';
import { ValidityWindow } from './window.js';

const NOW = 1_800_000_000;
const AS_OF = 50;

function tokenOf(overrides: Partial<Record<keyof TokenClaims, unknown>> = {}, kid = 'k1'): VerifiedToken {
  const claims = {
    iss: 'https://auth.example',
    sub: 'u1',
    aud: ['urn:a', 'urn:b'],
    exp: NOW + 200,
    iat: NOW - 100,
    jti: 't1',
    client_id: 'c1',
    sid: 's1',
    roles: ['ops', 'audit'],
    permissions: ['users:read', 'users:write', 'keys:read'],
    as_of: AS_OF,
    ...overrides,
  };
  return new VerifiedToken(claims, kid);
}

function event(kind: EventKind, key: string, seq: number, reason = ''): ValidityEvent {
  return { kind, key, seq, reason };
}

function windowOf(events: ValidityEvent[], overrides: Partial<CatchUp> = {}, hashedKeys = false): ValidityWindow {
  const window = new ValidityWindow({ hashedKeys });
  window.apply({ seq: 100, floor: 0, keepSeconds: 3600, keepAccessSeconds: 300, events, ...overrides }, 0);
  return window;
}

const EMPTY = windowOf([]);

describe('outrunsWindow', () => {
  it.each([
    ['a token as new and as long as the window knows', { as_of: 100 }, false],
    ['a newer one', { as_of: 101 }, true],
    ['one that lives longer', { exp: NOW + 201 }, true],
  ])('%s: %s', (_name, claims, expected) => {
    expect(outrunsWindow(tokenOf(claims), EMPTY)).toBe(expected);
  });
});

describe('refusalOf: the token alone', () => {
  it.each<[string, Partial<Record<keyof TokenClaims, unknown>>, string | null]>([
    ['nothing against it', {}, null],
    ['expired', { exp: NOW }, 'expired'],
    ['nbf ahead', { nbf: NOW + 6 }, 'not_yet_valid'],
    ['iat ahead', { iat: NOW + 6 }, 'not_yet_valid'],
    ['no as_of', { as_of: undefined }, 'as_of_missing'],
    ['as_of as text', { as_of: '50' }, 'as_of_missing'],
    ['as_of negative', { as_of: -1 }, 'as_of_missing'],
    ['as_of with a fraction', { as_of: 50.5 }, 'as_of_missing'],
    ['as_of beyond the safe integers', { as_of: 2 ** 53 }, 'as_of_missing'],
    ['as_of just at the window', { as_of: 100 }, null],
    ['as_of beyond the window', { as_of: 101 }, 'not_yet_valid'],
    ['as long a life as allowed', { sid: undefined, iat: NOW - 100, exp: NOW + 3500 }, null],
    ['too long a life', { sid: undefined, iat: NOW - 100, exp: NOW + 3501 }, 'lifetime_too_long'],
    ['as long a life as allowed in a session', { iat: NOW - 100, exp: NOW + 200 }, null],
    ['too long a life in a session', { iat: NOW - 100, exp: NOW + 201 }, 'lifetime_too_long'],
  ])('%s', (_name, claims, reason) => {
    expect(refusalOf(tokenOf(claims), EMPTY, NOW)).toBe(reason);
  });

  it('obeys the limits it is given', () => {
    const limits = { maxAgeSeconds: 99, clockToleranceSeconds: 0 };
    expect(refusalOf(tokenOf(), EMPTY, NOW, limits)).toBe('too_old');
    expect(refusalOf(tokenOf({ iat: NOW + 1 }), EMPTY, NOW, limits)).toBe('not_yet_valid');
  });

  it('refuses everything by a window that was never loaded', () => {
    expect(refusalOf(tokenOf({ as_of: 0 }), new ValidityWindow(), NOW)).toBe('not_yet_valid');
  });
});

describe('refusalOf: the floor', () => {
  it.each([
    [49, null],
    [50, null],
    [51, 'below_floor'],
  ])('floor %d against as_of 50: %s', (floor, reason) => {
    expect(refusalOf(tokenOf(), windowOf([], { floor }), NOW)).toBe(reason);
  });
});

describe('refusalOf: events', () => {
  const concerning: [EventKind, string, string][] = [
    ['global', '*', 'forced_expiration'],
    ['user', 'u1', 'user_disabled'],
    ['user', 'u1', 'user_deleted'],
    ['user', 'u1', 'credentials_changed'],
    ['user', 'u1', 'forced_expiration'],
    ['user_facts', 'u1', 'facts_changed'],
    ['client', 'c1', 'client_disabled'],
    ['session', 's1', 'session_ended'],
    ['token', 't1', 'token_revoked'],
    ['audience', 'urn:a', 'forced_expiration'],
    ['audience', 'urn:b', 'forced_expiration'],
  ];

  it.each(concerning)('%s %s: %s, unless the token is newer', (kind, key, reason) => {
    expect(refusalOf(tokenOf(), windowOf([event(kind, key, AS_OF + 1, reason)]), NOW)).toBe(reason);
    expect(refusalOf(tokenOf(), windowOf([event(kind, key, AS_OF, reason)]), NOW)).toBeNull();
  });

  it.each(concerning.filter(([kind]) => ['user', 'user_facts', 'session', 'token'].includes(kind)))(
    '%s %s: %s, named by its hash',
    (kind, key, reason) => {
      const hashed = hashedKey(kind as 'user', key);
      expect(refusalOf(tokenOf(), windowOf([event(kind, hashed, AS_OF + 1, reason)], {}, true), NOW)).toBe(reason);
      expect(refusalOf(tokenOf(), windowOf([event(kind, key, AS_OF + 1, reason)], {}, true), NOW)).toBeNull();
    },
  );

  it.each([
    ['user', 'u2'],
    ['user', 's1'],
    ['user_facts', 'u2'],
    ['client', 'c2'],
    ['session', 's2'],
    ['session', 'u1'],
    ['token', 't2'],
    ['audience', 'urn:c'],
    ['role', 'ops'],
    ['role_permission', 'ops users:read'],
    ['signing_key', 'k2'],
  ] as const)('%s %s does not concern it', (kind, key) => {
    expect(refusalOf(tokenOf(), windowOf([event(kind, key, AS_OF + 1)]), NOW)).toBeNull();
  });

  it('finds the event that is newer than the token among those that are not', () => {
    const window = windowOf([event('audience', 'urn:a', 10), event('audience', 'urn:b', 60), event('user', 'u1', 50)]);
    expect(refusalOf(tokenOf(), window, NOW)).toBe('forced_expiration');
    expect(endingEvent('user', tokenOf(), window)).toBeUndefined();
    expect(endingEvent('audience', tokenOf(), window)?.seq).toBe(60);
  });

  it('ends no token outside sessions by a session', () => {
    const window = windowOf([
      event('session', 's1', 60),
      event('session', 'undefined', 60),
      event('session', 'null', 60),
    ]);
    expect(refusalOf(tokenOf({ sid: undefined }), window, NOW)).toBeNull();
  });
});

describe('refusalOf: a revoked key', () => {
  it.each([1, AS_OF, AS_OF + 1, 100])('refuses whatever it signed, revoked at %d', (seq) => {
    expect(refusalOf(tokenOf(), windowOf([event('signing_key', 'k1', seq)], { floor: 30 }), NOW)).toBe('key_revoked');
  });

  it('says so whatever as_of the thief wrote', () => {
    const window = windowOf([event('signing_key', 'k1', 40)], { floor: 30 });
    for (const asOf of [undefined, -1, 0, 29, 100, 101, Number.MAX_SAFE_INTEGER]) {
      expect(refusalOf(tokenOf({ as_of: asOf }), window, NOW)).toBe('key_revoked');
    }
  });

  it('leaves the tokens of other keys alone', () => {
    expect(refusalOf(tokenOf({}, 'k2'), windowOf([event('signing_key', 'k1', 60)]), NOW)).toBeNull();
  });
});

describe('refusalOf: which reason comes first', () => {
  const everything = [
    event('signing_key', 'k1', 60),
    event('global', '*', 61),
    event('user', 'u1', 62, 'user_disabled'),
    event('session', 's1', 63),
  ];

  it('the time, then the key, then as_of, then the lifetime, then the events in their order', () => {
    const revoked = windowOf(everything, { floor: 55 });
    expect(refusalOf(tokenOf({ exp: NOW }), revoked, NOW)).toBe('expired');
    expect(refusalOf(tokenOf(), revoked, NOW)).toBe('key_revoked');
    expect(refusalOf(tokenOf({ as_of: null }, 'k2'), revoked, NOW)).toBe('as_of_missing');
    expect(refusalOf(tokenOf({}, 'k2'), revoked, NOW)).toBe('below_floor');
    expect(refusalOf(tokenOf({ as_of: 56, exp: NOW + 3000 }, 'k2'), revoked, NOW)).toBe('lifetime_too_long');
    expect(refusalOf(tokenOf({ as_of: 56 }, 'k2'), revoked, NOW)).toBe('forced_expiration');
    expect(refusalOf(tokenOf({ as_of: 61 }, 'k2'), revoked, NOW)).toBe('user_disabled');
    expect(refusalOf(tokenOf({ as_of: 62 }, 'k2'), revoked, NOW)).toBe('session_ended');
    expect(refusalOf(tokenOf({ as_of: 63 }, 'k2'), revoked, NOW)).toBeNull();
    expect(ENDING_KINDS).toEqual(['global', 'user', 'user_facts', 'client', 'session', 'token', 'audience']);
  });
});

describe('strippedBy', () => {
  it('is null when nothing is', () => {
    expect(strippedBy(tokenOf(), EMPTY)).toBeNull();
    expect(strippedBy(tokenOf(), windowOf([event('role', 'ops', AS_OF), event('role', 'admin', 60)]))).toBeNull();
    expect(strippedBy(tokenOf({ roles: undefined }), windowOf([event('role', 'ops', 60)]))).toBeNull();
  });

  it.each<[string, ValidityEvent[], string[], string[]]>([
    ['a role', [event('role', 'ops', 51)], ['ops'], []],
    ['a permission of a role', [event('role_permission', 'ops users:read', 51)], [], ['users:read']],
    [
      'several',
      [
        event('role', 'ops', 51),
        event('role_permission', 'audit keys:read', 52),
        event('role_permission', 'ops users:write', 53),
      ],
      ['ops'],
      ['keys:read', 'users:write'],
    ],
    [
      'of one role only what the token is not newer than',
      [event('role_permission', 'ops users:read', 50), event('role_permission', 'ops users:write', 51)],
      [],
      ['users:write'],
    ],
  ])('%s', (_name, events, roles, permissions) => {
    const stripped = strippedBy(tokenOf(), windowOf(events));
    expect([...(stripped?.roles ?? [])]).toEqual(roles);
    expect([...(stripped?.permissions ?? [])].sort()).toEqual(permissions);
  });

  it.each([
    ['a role that the token does not carry', 'admin users:read'],
    ['a permission that the token does not carry', 'ops roles:read'],
  ])('leaves alone what %s lost', (_name, key) => {
    expect(strippedBy(tokenOf(), windowOf([event('role_permission', key, 60)]))).toBeNull();
  });
});
