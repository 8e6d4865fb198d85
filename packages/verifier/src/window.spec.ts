import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CatchUp, EventKind, ValidityEvent } from './events.js';
import { ValidityWindow } from './window.js';

const KEEP = { keepSeconds: 3600, keepAccessSeconds: 300 };

function event(kind: EventKind, key: string, seq: number, reason = ''): ValidityEvent {
  return { kind, key, seq, reason };
}

function answer(seq: number, events: ValidityEvent[] = [], overrides: Partial<CatchUp> = {}): CatchUp {
  return { seq, floor: 0, ...KEEP, events, ...overrides };
}

let clock: number;
let window: ValidityWindow;

beforeEach(() => {
  clock = 0;
  window = new ValidityWindow({ monotonic: () => clock });
});

describe('a window that was never loaded', () => {
  it('vouches for nothing', () => {
    expect(window).toMatchObject({ loaded: false, seq: -1, position: 0, floor: 0, size: 0 });
  });

  it('cannot be continued', () => {
    expect(window.apply(answer(10), 5)).toBe('reload');
    expect(window.loaded).toBe(false);
  });
});

describe('catching up', () => {
  beforeEach(() => {
    window.apply(answer(10, [event('user', 'u1', 4, 'user_disabled'), event('signing_key', 'k1', 6)]), 0);
  });

  it('keeps the newest event per kind and key', () => {
    expect(window.apply(answer(12, [event('user', 'u1', 12, 'user_deleted'), event('session', 'u1', 11)]), 10)).toBe(
      'applied',
    );
    expect(window.newest('user', 'u1')).toMatchObject({ seq: 12, reason: 'user_deleted' });
    expect(window.newest('session', 'u1')).toMatchObject({ seq: 11, reason: 'session_ended' });
    expect(window).toMatchObject({ seq: 12, position: 12, size: 3 });
  });

  it('takes the newest of one answer in whatever order', () => {
    window.apply(answer(12, [event('user', 'u2', 12, 'user_deleted'), event('user', 'u2', 11, 'user_disabled')]), 10);
    expect(window.newest('user', 'u2')).toMatchObject({ seq: 12, reason: 'user_deleted' });
  });

  it('does not let an older event replace a newer', () => {
    window.apply(answer(12, [event('user', 'u1', 3, 'credentials_changed')]), 10);
    expect(window.newest('user', 'u1')).toMatchObject({ seq: 4, reason: 'user_disabled' });
  });

  it('knows the highest seq of each kind', () => {
    expect(window.highest).toMatchObject({ user: 4, signing_key: 6, session: 0 });
    window.apply(answer(12, [event('user', 'u2', 11)]), 10);
    expect(window.highest).toMatchObject({ user: 11, signing_key: 6 });
  });

  it('moves on without events', () => {
    expect(window.apply(answer(11), 10)).toBe('applied');
    expect(window.seq).toBe(11);
  });

  it('follows keep in both directions', () => {
    window.apply(answer(10, [], { keepSeconds: 7200, keepAccessSeconds: 60 }), 10);
    expect(window).toMatchObject({ keepSeconds: 7200, keepAccessSeconds: 60 });
  });

  it('asks for the whole window when the floor sank', () => {
    window.apply(answer(11, [], { floor: 5 }), 10);
    expect(window.apply(answer(12, [], { floor: 3 }), 11)).toBe('reload');
    expect(window).toMatchObject({ seq: 11, floor: 5 });
  });

  it.each<[string, CatchUp, number]>([
    ['the position is below the floor', answer(30, [], { floor: 20 }), 10],
    ['the truth went back', answer(9), 10],
    ['the answer leaves a hole', answer(14), 12],
    ['the answer is to an earlier question', answer(14), 8],
  ])('asks for the whole window when %s', (_name, given, after) => {
    expect(window.apply(given, after)).toBe('reload');
    expect(window).toMatchObject({ seq: 10, floor: 0, size: 2 });
  });

  it('continues when the floor has reached just its position', () => {
    expect(window.apply(answer(30, [], { floor: 10 }), 10)).toBe('applied');
  });

  it('is left as it was by a malformed answer', () => {
    const malformed = answer(12, [event('user', 'u9', 11), event('user', 'u8', 99)]);
    expect(() => window.apply(malformed, 10)).toThrow(TypeError);
    expect(() => window.apply(malformed, 0)).toThrow(TypeError);
    expect(window).toMatchObject({ seq: 10, size: 2 });
    expect(window.newest('user', 'u9')).toBeUndefined();
  });

  it('is replaced as a whole by the answer to 0, backwards too', () => {
    expect(window.apply(answer(5, [event('client', 'c1', 5)], { floor: 1 }), 0)).toBe('applied');
    expect(window).toMatchObject({ seq: 5, floor: 1, size: 1 });
    expect(window.newest('user', 'u1')).toBeUndefined();
    expect(window.newest('signing_key', 'k1')).toBeUndefined();
    expect(window.highest).toMatchObject({ user: 0, signing_key: 0, client: 5 });
  });
});

describe('permissions taken from roles', () => {
  it('are found by role', () => {
    window.apply(
      answer(9, [event('role_permission', 'ops users:read', 7), event('role_permission', 'ops keys:read', 8)]),
      0,
    );
    expect([...(window.takenFromRole('ops') ?? [])].map(([permission, { seq }]) => [permission, seq])).toEqual([
      ['users:read', 7],
      ['keys:read', 8],
    ]);
    expect(window.takenFromRole('admin')).toBeUndefined();
    window.apply(answer(12, [event('role_permission', 'ops users:read', 12)]), 9);
    expect(window.takenFromRole('ops')?.get('users:read')?.seq).toBe(12);
  });

  it('are forgotten with their event', () => {
    window.apply(
      answer(9, [event('role_permission', 'ops users:read', 7), event('role_permission', 'ops keys:read', 8)]),
      0,
    );
    clock += 2_000;
    window.apply(answer(10, [], { floor: 7 }), 9);
    expect([...(window.takenFromRole('ops') ?? []).keys()]).toEqual(['keys:read']);
    clock += 2_000;
    window.apply(answer(11, [], { floor: 8 }), 10);
    expect(window.takenFromRole('ops')).toBeUndefined();
  });

  it('may belong to a role with spaces in its name', () => {
    window.apply(answer(9, [event('role_permission', 'night shift users:read', 7)]), 0);
    expect(window.takenFromRole('night shift')?.has('users:read')).toBe(true);
  });
});

describe('forgetting', () => {
  it('drops what the floor has passed, and does not take it in, except revoked keys', () => {
    const events = [event('user', 'u1', 4), event('signing_key', 'k1', 5), event('user', 'u2', 6)];
    window.apply(answer(10, events, { floor: 4 }), 0);
    expect(window.newest('user', 'u1')).toBeUndefined();
    expect(window.size).toBe(2);
    clock += 2_000;
    window.apply(answer(11, [], { floor: 9 }), 10);
    expect(window.newest('user', 'u2')).toBeUndefined();
    expect(window.newest('signing_key', 'k1')).toBeDefined();
  });

  it('drops an event keep and ten minutes after its receipt; of a session, keep_access and ten minutes', () => {
    window.apply(answer(10, [event('user', 'u1', 4), event('session', 's1', 5), event('signing_key', 'k1', 6)]), 0);
    clock = (300 + 600) * 1000 - 1;
    window.apply(answer(11), 10);
    expect(window.newest('session', 's1')).toBeDefined();
    clock += 2_000;
    window.apply(answer(12), 11);
    expect(window.newest('session', 's1')).toBeUndefined();
    expect(window.newest('user', 'u1')).toBeDefined();
    clock = (3600 + 600) * 1000;
    window.apply(answer(13), 12);
    expect(window.newest('user', 'u1')).toBeUndefined();
    expect(window.size).toBe(1);
  });

  it('keeps what was received later, even about the same key', () => {
    window.apply(answer(10, [event('user', 'u1', 4), event('user', 'u2', 5)]), 0);
    clock = 4_000_000;
    window.apply(answer(11, [event('user', 'u1', 11)]), 10);
    clock = 4_200_000;
    window.apply(answer(12), 11);
    expect(window.newest('user', 'u1')?.seq).toBe(11);
    expect(window.newest('user', 'u2')).toBeUndefined();
  });

  it('drops by the floor whatever the order in which the source gave the events', () => {
    window.apply(answer(10, [event('user', 'u3', 8), event('user', 'u1', 4), event('user', 'u2', 6)]), 0);
    clock += 2_000;
    window.apply(answer(11, [], { floor: 6 }), 10);
    expect(window.size).toBe(1);
    expect(window.newest('user', 'u3')).toBeDefined();
  });

  it('takes a great heap away in portions', () => {
    const many = Array.from({ length: 25_000 }, (_, i) => event('session', `s${String(i)}`, i + 1));
    window.apply(answer(25_000, many), 0);
    clock = 1_000_000;
    for (const left of [15_000, 5_000, 0]) {
      window.apply(answer(25_000), 25_000);
      expect(window.size).toBe(left);
    }
  });
});

describe('catching up gradually', () => {
  const many = Array.from({ length: 20_000 }, (_, n) => event('user', `u${String(n)}`, 11 + (n % 50)));

  it('ends where catching up at once does, and lets others have their turn meanwhile', async () => {
    for (const after of [10, 0]) {
      window.apply(answer(10, [event('user', 'before', 4)]), 0);
      const atOnce = new ValidityWindow({ monotonic: () => clock });
      atOnce.apply(answer(10, [event('user', 'before', 4)]), 0);
      expect(atOnce.apply(answer(60, many), after)).toBe('applied');
      let turns = 0;
      const count = setInterval(() => turns++, 0);
      const applied = window.applyGradually(answer(60, many), after);
      // Until then nothing is vouched for that is not there yet.
      expect(window.seq).toBe(10);
      await expect(applied).resolves.toBe('applied');
      clearInterval(count);
      expect(turns).toBeGreaterThan(0);
      expect([...window.events()]).toEqual([...atOnce.events()]);
      expect(window.seq).toBe(60);
    }
  });

  it('leaves the window as it was when the answer is malformed, however far back', async () => {
    window.apply(answer(10, [event('user', 'before', 4)]), 0);
    await expect(window.applyGradually(answer(60, [...many, event('user', 'late', 61)]), 10)).rejects.toThrow(
      TypeError,
    );
    expect(window).toMatchObject({ seq: 10, size: 1 });
  });
});
