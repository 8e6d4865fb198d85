import { describe, expect, it } from '@jest/globals';
import {
  dueChanges,
  missingKey,
  newKey,
  nextDue,
  noticeSeconds,
  retiring,
  revoked,
  withChanges,
  type KeyLife,
  type KeyLine,
  type KeyPolicy,
} from './key-transitions.js';

const NOW = new Date('2026-03-01T12:00:00Z');
const DAY = 86_400;
const POLICY: KeyPolicy = { publishSeconds: 300, rotateAfterSeconds: 90 * DAY, keepSeconds: DAY };
const NOTICE = 305;

const ago = (seconds: number): Date => new Date(NOW.getTime() - seconds * 1000);
const hence = (seconds: number): Date => ago(-seconds);

function key(kid: string, state: KeyLife['state'], more: Partial<KeyLife> = {}): KeyLife {
  const signs = state === 'pending' || state === 'active';
  const times = { activatedAt: null, retiringAt: null, retireAt: null, retiredAt: null, revokedAt: null };
  return { kid, state, createdAt: ago(100 * DAY), ...times, hasPrivateHalf: signs, ...more };
}

const active = (seconds: number): KeyLife => key('a', 'active', { activatedAt: ago(seconds) });
const pending = (seconds: number, kid = 'p'): KeyLife => key(kid, 'pending', { createdAt: ago(seconds) });

function line(keys: KeyLife[], more: Partial<KeyLine> = {}): KeyLine {
  return { algorithm: 'RS256', audience: null, inUse: true, keys, ...more };
}

const due = (keys: KeyLife[], more: Partial<KeyLine> = {}, policy = POLICY): string[] =>
  dueChanges(line(keys, more), NOW, policy).map((change) => `${change.key.kid} ${change.to ?? 'wiped'}`);

describe('what is due', () => {
  it.each([
    [
      'nothing, of a key that signs and one that only verifies',
      [active(DAY), key('r', 'retiring', { retireAt: hence(1) })],
      [],
    ],
    ['nothing, while the successor is being made known', [active(DAY), pending(NOTICE - 1)], []],
    ['the successor signs once every verifier can know it', [active(DAY), pending(NOTICE)], ['a retiring', 'p active']],
    ['it signs early where nothing else does', [pending(1)], ['p active']],
    [
      'of two that wait, both in turn',
      [active(DAY), pending(400, 'p'), pending(500, 'o')],
      ['a retiring', 'o active', 'o retiring', 'p active'],
    ],
    [
      'a retiring key is done when its last token has expired',
      [active(DAY), key('r', 'retiring', { retireAt: NOW })],
      ['r retired'],
    ],
    ['SQL: a state set to retiring is completed', [key('r', 'retiring', { hasPrivateHalf: true })], ['r retiring']],
    [
      'SQL: a private half that signs no more goes',
      [key('r', 'retiring', { retireAt: hence(1), hasPrivateHalf: true })],
      ['r retiring'],
    ],
    [
      'SQL: what is set to active and has nothing to sign with is as good as retiring',
      [key('a', 'active', { hasPrivateHalf: false })],
      ['a retiring'],
    ],
    ['SQL: that of a revoked key goes', [key('v', 'revoked', { hasPrivateHalf: true })], ['v wiped']],
    ['nothing, of keys that are done', [key('v', 'revoked'), key('t', 'retired')], []],
  ])('%s', (_, keys, expected) => {
    expect(due(keys)).toEqual(expected);
  });

  it('an active key that nothing asks for any more is not renewed, but retires at its age', () => {
    const unused = { inUse: false };
    expect(due([active(90 * DAY - 1)], unused)).toEqual([]);
    expect(due([active(90 * DAY)], unused)).toEqual(['a retiring']);
    expect(due([active(90 * DAY)], unused, { ...POLICY, rotateAfterSeconds: null })).toEqual([]);
    expect(missingKey(line([active(90 * DAY)], unused), NOW, POLICY)).toBeNull();
    expect(missingKey(line([], unused), NOW, POLICY)).toBeNull();
  });

  it('says of each key what becomes of it', () => {
    const after = withChanges(
      line([active(DAY), pending(NOTICE)]),
      dueChanges(line([active(DAY), pending(NOTICE)]), NOW, POLICY),
    );
    expect(after.keys).toEqual([
      key('a', 'retiring', { activatedAt: ago(DAY), retiringAt: NOW, retireAt: hence(DAY + 600) }),
      key('p', 'active', { createdAt: ago(NOTICE), activatedAt: NOW }),
    ]);
  });
});

describe('the key that is missing', () => {
  it.each([
    ['one that signs, where none does', [], 'active'],
    ['one that signs, where the only one was revoked', [key('v', 'revoked')], 'active'],
    ['none, while the active one is young', [active(90 * DAY - NOTICE - 1)], null],
    ['a successor, in time to sign when the active one has reached its age', [active(90 * DAY - NOTICE)], 'pending'],
    ['none, where the successor is there', [active(90 * DAY), pending(1)], null],
    ['none, where the successor only has to begin', [pending(1)], null],
  ] as const)('%s', (_, keys, expected) => {
    expect(missingKey(line([...keys]), NOW, POLICY)).toBe(expected);
  });

  it('is never a successor where keys are rotated by hand only', () => {
    expect(missingKey(line([active(1000 * DAY)]), NOW, { ...POLICY, rotateAfterSeconds: null })).toBeNull();
  });

  it('is never a secret: an audience must be given it', () => {
    const secrets = { algorithm: 'HS256', audience: 'urn:a', inUse: false };
    expect(missingKey(line([], secrets), NOW, POLICY)).toBeNull();
    expect(missingKey(line([active(1000 * DAY)], secrets), NOW, POLICY)).toBeNull();
    expect(due([active(1000 * DAY)], secrets)).toEqual([]);
  });
});

describe('the notice that verifiers get', () => {
  it.each([
    [0, 0],
    [1, 1.5],
    [4, 6],
    [300, 305],
  ])('a JWKS that may be kept for %d s: %d s', (publishSeconds, notice) => {
    expect(noticeSeconds({ ...POLICY, publishSeconds })).toBe(notice);
  });

  it('is none where nothing keeps the JWKS', () => {
    const policy = { ...POLICY, publishSeconds: 0 };
    const before = line([active(DAY)]);
    const after = { ...before, keys: [...before.keys, newKey(before, 'n', NOW)] };
    expect(dueChanges(after, NOW, policy).map(({ key: { kid, state } }) => `${kid} ${state}`)).toEqual([
      'a retiring',
      'n active',
    ]);
  });
});

describe('a new key', () => {
  it('waits behind one that signs, and signs where none does', () => {
    expect(newKey(line([active(1)]), 'n', NOW)).toMatchObject({ state: 'pending', createdAt: NOW, activatedAt: null });
    expect(newKey(line([]), 'n', NOW)).toMatchObject({ state: 'active', createdAt: NOW, activatedAt: NOW });
  });
});

describe('the end of a key', () => {
  it('retiring: the private half goes, a secret stays, since it verifies', () => {
    expect(retiring(active(1), { audience: null }, NOW, POLICY).hasPrivateHalf).toBe(false);
    expect(retiring(active(1), { audience: 'urn:a' }, NOW, POLICY).hasPrivateHalf).toBe(true);
    const secrets = { algorithm: 'HS256', audience: 'urn:a', inUse: false };
    const done = key('r', 'retiring', { retireAt: NOW, hasPrivateHalf: true });
    const [change] = dueChanges(line([done], secrets), NOW, POLICY);
    expect(change?.key).toMatchObject({ state: 'retired', retiredAt: NOW, hasPrivateHalf: false });
  });

  it('revoked: at once, and nothing is kept', () => {
    expect(revoked(active(1), NOW)).toMatchObject({ state: 'revoked', revokedAt: NOW, hasPrivateHalf: false });
  });
});

describe('when something is due next', () => {
  it.each([
    ['when the pending key signs', [active(DAY), pending(5)], hence(NOTICE - 5)],
    ['when the successor is to be made', [active(DAY)], hence(89 * DAY - NOTICE)],
    ['when the last token has expired', [active(DAY), key('r', 'retiring', { retireAt: hence(7) })], hence(7)],
    ['never', [key('v', 'revoked')], null],
  ])('%s', (_, keys, expected) => {
    expect(nextDue(line(keys), POLICY)).toEqual(expected);
  });

  it('is the age itself for a key that is not to be renewed', () => {
    expect(nextDue(line([active(DAY)], { inUse: false }), POLICY)).toEqual(hence(89 * DAY));
    expect(nextDue(line([active(DAY)]), { ...POLICY, rotateAfterSeconds: null })).toBeNull();
  });
});
