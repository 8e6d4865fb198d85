import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { hashedKey, type CatchUp, type EventKind, type ValidityEvent } from './events.js';
import { refusalOf, strippedBy } from './refusal.js';
import { VerifiedToken } from './verified-token.js';
import { ValidityWindow } from './window.js';

// The properties take long on a busy machine.
jest.setTimeout(60_000);

const KEEP_SECONDS = 3600;
const KEEP_ACCESS_SECONDS = 300;
const TRIM_AFTER_SECONDS = 600;

const userOf = (n: number): string => `u${String(n)}`;
const sessionOf = (n: number): string => `s${String(n)}`;

/** The truth as the service keeps it (design: sections 1 to 7 of the validity window), with a history that it does not keep. */
class Truth {
  seq = 1;
  floor = 0;
  seconds = 1_800_000_000;
  readonly history: ValidityEvent[] = [];
  #rows = new Map<string, { event: ValidityEvent; expiresAt: number }>();

  note(kind: EventKind, key: string): void {
    const event = { kind, key, seq: ++this.seq, reason: '' };
    this.history.push(event);
    const keep = kind === 'session' ? KEEP_ACCESS_SECONDS : KEEP_SECONDS;
    const expiresAt = kind === 'signing_key' ? Infinity : this.seconds + keep;
    this.#rows.set(`${kind} ${key}`, { event, expiresAt });
  }

  trim(): void {
    for (const [id, { event, expiresAt }] of this.#rows) {
      if (expiresAt + TRIM_AFTER_SECONDS > this.seconds) continue;
      this.#rows.delete(id);
      if (event.kind !== 'session' && event.kind !== 'token') this.floor = Math.max(this.floor, event.seq);
    }
  }

  read(after: number, hashed: boolean): CatchUp {
    const { seq, floor } = this;
    const rows = [...this.#rows.values()].map(({ event }) => event).filter((event) => event.seq > after);
    const events = hashed ? rows.map(withHashedKey) : rows;
    return { seq, floor, keepSeconds: KEEP_SECONDS, keepAccessSeconds: KEEP_ACCESS_SECONDS, events };
  }
}

function withHashedKey(event: ValidityEvent): ValidityEvent {
  switch (event.kind) {
    case 'user':
    case 'user_facts':
    case 'session':
    case 'token':
      return { ...event, key: hashedKey(event.kind, event.key) };
    default:
      return event;
  }
}

const small = fc.nat(2);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('mint' as const),
      user: small,
      session: fc.option(small),
      client: small,
      kid: small,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('note' as const),
      kind: fc.constantFrom<EventKind>(
        'global',
        'user',
        'user_facts',
        'client',
        'session',
        'token',
        'audience',
        'role',
        'role_permission',
        'signing_key',
      ),
      which: small,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(1, 100, 299, 301, 1000, 4300) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('trim' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('catch up' as const) }) },
);

function keyFor(kind: EventKind, which: number, tokens: VerifiedToken[]): string {
  switch (kind) {
    case 'global':
      return '*';
    case 'user':
    case 'user_facts':
      return userOf(which);
    case 'session':
      return sessionOf(which);
    case 'token':
      return tokens.at(-1 - which)?.claims.jti ?? 'none';
    case 'role':
      return `role${String(which)}`;
    case 'role_permission':
      return `role0 p:${String(which)}`;
    default:
      return `${kind}${String(which)}`;
  }
}

function concerns(event: ValidityEvent, token: VerifiedToken): boolean {
  const { sub, sid, jti, client_id, aud } = token.claims;
  if (event.kind === 'signing_key') return event.key === token.kid;
  if (event.seq <= token.asOf) return false;
  const about: Partial<Record<EventKind, readonly (string | undefined)[]>> = {
    global: ['*'],
    user: [sub],
    user_facts: [sub],
    client: [client_id],
    session: [sid],
    token: [jti],
    audience: [aud].flat(),
  };
  return about[event.kind]?.includes(event.key) ?? false;
}

describe('the validity window as a whole', () => {
  it('refuses each token older than an event about it and accepts every other, however mints, events and trims interleave', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, hashedKeys) => {
        const truth = new Truth();
        const window = new ValidityWindow({ hashedKeys, monotonic: () => truth.seconds * 1000 });
        const tokens: VerifiedToken[] = [];

        const catchUp = (): void => {
          const after = window.position;
          if (window.apply(truth.read(after, hashedKeys), after) === 'reload')
            window.apply(truth.read(0, hashedKeys), 0);
          for (const token of tokens) expectDecision(token, truth, window);
        };

        for (const next of steps) {
          switch (next.do) {
            case 'mint':
              tokens.push(mint(truth, tokens.length, next));
              break;
            case 'note':
              truth.note(next.kind, keyFor(next.kind, next.which, tokens));
              break;
            case 'wait':
              truth.seconds += next.seconds;
              break;
            case 'trim':
              truth.trim();
              break;
            case 'catch up':
              catchUp();
          }
        }
        catchUp();
      }),
      { numRuns: 1500 },
    );
  });
});

function mint(
  truth: Truth,
  n: number,
  facts: { user: number; session: number | null; client: number; kid: number },
): VerifiedToken {
  const lifetime = facts.session === null ? KEEP_SECONDS : KEEP_ACCESS_SECONDS;
  const claims = {
    iss: 'i',
    sub: userOf(facts.user),
    aud: ['audience0', 'audience1'],
    iat: truth.seconds,
    exp: truth.seconds + lifetime,
    jti: `t${String(n)}`,
    client_id: `client${String(facts.client)}`,
    roles: ['role0', 'role1'],
    permissions: ['p:0', 'p:1'],
    as_of: truth.seq,
    ...(facts.session === null ? {} : { sid: sessionOf(facts.session) }),
  };
  return new VerifiedToken(claims, `signing_key${String(facts.kid)}`);
}

function expectDecision(token: VerifiedToken, truth: Truth, window: ValidityWindow): void {
  const reason = refusalOf(token, window, truth.seconds);
  if (truth.seconds >= token.claims.exp) {
    expect(reason).toBe('expired');
    return;
  }
  // Neither trimming nor the floor may show: an unexpired token is refused for an event about it, or not at all.
  expect(reason).not.toBe('below_floor');
  expect(reason !== null).toBe(truth.history.some((event) => concerns(event, token)));

  const since = truth.history.filter(({ seq }) => seq > token.asOf);
  const lost = (kind: EventKind, key: string): boolean =>
    since.some((event) => event.kind === kind && event.key === key);
  const stripped = strippedBy(token, window);
  expect([...(stripped?.roles ?? [])]).toEqual(['role0', 'role1'].filter((role) => lost('role', role)));
  expect([...(stripped?.permissions ?? [])].sort()).toEqual(
    ['p:0', 'p:1'].filter((permission) => lost('role_permission', `role0 ${permission}`)),
  );
}
