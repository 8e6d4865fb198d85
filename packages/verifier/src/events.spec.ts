import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { assertCatchUp, EVENT_KINDS, hashedKey, refusalReasonOf, type CatchUp, type EventKind } from './events.js';
import { REFUSAL_REASONS } from './refusal-reason.js';

const EVENT = { kind: 'user', key: 'u1', seq: 9, reason: 'user_disabled' } as const;
const ANSWER: CatchUp = { seq: 10, floor: 2, keepSeconds: 3600, keepAccessSeconds: 300, events: [EVENT] };

describe('hashedKey', () => {
  it('is base64url of the first 16 bytes of SHA-256(kind|key)', () => {
    for (let n = 0; n < 500; n++) {
      const key = `u${String(n)} \u{1F511}`;
      const digest = createHash('sha256').update(`user|${key}`).digest();
      expect(hashedKey('user', key)).toBe(digest.subarray(0, 16).toString('base64url'));
    }
  });

  it('differs between kinds', () => {
    expect(hashedKey('user', 'u1')).not.toBe(hashedKey('user_facts', 'u1'));
  });
});

describe('refusalReasonOf', () => {
  it.each([
    ['user', 'user_disabled', 'user_disabled'],
    ['user', 'user_deleted', 'user_deleted'],
    ['user', 'credentials_changed', 'credentials_changed'],
    ['user', 'forced_expiration', 'forced_expiration'],
    ['client', 'client_disabled', 'client_disabled'],
    ['client', 'forced_expiration', 'forced_expiration'],
    ['session', 'suspicious login reported by phone', 'session_ended'],
    ['user', 'a reason of a later release', 'forced_expiration'],
    ['user_facts', '', 'facts_changed'],
    ['global', 'expired', 'forced_expiration'],
    ['token', 'bad_signature', 'token_revoked'],
    ['role', '?', 'role_changed'],
    ['role_permission', '?', 'role_changed'],
    ['audience', '?', 'forced_expiration'],
    ['signing_key', 'forced_expiration', 'key_revoked'],
  ] as const)('%s, %s: %s', (kind, reason, expected) => {
    expect(refusalReasonOf({ ...EVENT, kind, reason })).toBe(expected);
  });

  it.each(EVENT_KINDS)('gives a known reason for %s whatever the source says', (kind: EventKind) => {
    expect(REFUSAL_REASONS).toContain(refusalReasonOf({ ...EVENT, kind, reason: 'toString' }));
  });
});

describe('assertCatchUp', () => {
  it.each<[string, object]>([
    ['as few members as possible', {}],
    ['no events', { events: [] }],
    ['a clock and a wait, in fractions', { now: 1.8e12 + 0.123, waitedMs: 24.5 }],
    ['the beginning of time', { seq: 0, floor: 0, events: [] }],
    ['members of a later release', { region: 'eu' }],
    ['the global event', { events: [{ ...EVENT, kind: 'global', key: '*' }] }],
    ['a permission taken from a role', { events: [{ ...EVENT, kind: 'role_permission', key: 'ops users:read' }] }],
  ])('accepts %s', (_name, overrides) => {
    expect(() => {
      assertCatchUp({ ...ANSWER, ...overrides });
    }).not.toThrow();
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a string', 'ok'],
    ['nothing', undefined],
    ['no seq', { ...ANSWER, seq: undefined }],
    ['a seq as text, as drivers return bigint', { ...ANSWER, seq: '10' }],
    ['a seq beyond the safe integers', { ...ANSWER, seq: 2 ** 53 }],
    ['a negative seq', { ...ANSWER, seq: -1, floor: 0, events: [] }],
    ['a fractional floor', { ...ANSWER, floor: 1.5 }],
    ['a floor above seq', { ...ANSWER, floor: 11 }],
    ['keepSeconds missing', { ...ANSWER, keepSeconds: undefined }],
    ['keepSeconds NaN', { ...ANSWER, keepSeconds: NaN }],
    ['keepAccessSeconds infinite', { ...ANSWER, keepAccessSeconds: Infinity }],
    ['now as text', { ...ANSWER, now: '2026-11-21' }],
    ['now NaN', { ...ANSWER, now: NaN }],
    ['a negative wait', { ...ANSWER, waitedMs: -1 }],
    ['an infinite wait', { ...ANSWER, waitedMs: Infinity }],
    ['no events', { ...ANSWER, events: undefined }],
    ['events that are no array', { ...ANSWER, events: {} }],
    ['an event that is null', { ...ANSWER, events: [null] }],
    ['an event of an unknown kind', { ...ANSWER, events: [{ ...EVENT, kind: 'planet' }] }],
    ['an event of a kind from Object.prototype', { ...ANSWER, events: [{ ...EVENT, kind: 'toString' }] }],
    ['an event without key', { ...ANSWER, events: [{ ...EVENT, key: '' }] }],
    ['an event with a key that is no string', { ...ANSWER, events: [{ ...EVENT, key: 5 }] }],
    ['a global event with another key', { ...ANSWER, events: [{ ...EVENT, kind: 'global', key: 'all' }] }],
    [
      'a role_permission event without role',
      { ...ANSWER, events: [{ ...EVENT, kind: 'role_permission', key: 'users:read' }] },
    ],
    ['an event beyond seq', { ...ANSWER, events: [{ ...EVENT, seq: 11 }] }],
    ['an event before the first', { ...ANSWER, events: [{ ...EVENT, seq: 0 }] }],
    ['an event with a seq as text', { ...ANSWER, events: [{ ...EVENT, seq: '9' }] }],
    ['an event without reason', { ...ANSWER, events: [{ ...EVENT, reason: undefined }] }],
  ])('refuses %s', (_name, answer) => {
    expect(() => {
      assertCatchUp(answer);
    }).toThrow(TypeError);
  });
});
