import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import {
  activeOf,
  dueChanges,
  missingKey,
  newKey,
  nextDue,
  noticeSeconds,
  pendingOf,
  revoked,
  withChanges,
  type KeyLine,
  type KeyPolicy,
} from './key-transitions.js';
import { statesThat } from './lifecycle.js';

// The property takes long on a busy machine.
jest.setTimeout(60_000);

const INSTANCES = 3;

/** What an instance has seen, and the key that it has made outside of any transaction. */
interface Intent {
  kid: string;
  /** Null: nobody asked; the line lacked a key. */
  inPlaceOf: { kid: string | undefined } | null;
}

interface Token {
  kid: string;
  expires: number;
}

/** The table, several instances that change it, each transaction under the lock and therefore whole, and the tokens that were minted. */
class World {
  private milliseconds = 1_800_000_000_000;
  private count = 0;
  line: KeyLine = { algorithm: 'RS256', audience: null, inUse: true, keys: [] };
  readonly intents: (Intent | null)[] = Array.from({ length: INSTANCES }, () => null);
  readonly tokens: Token[] = [];
  /** Kids that were put in front of verifiers before they knew them, because nothing else signed. */
  readonly unannounced = new Set<string>();
  readonly activations = new Map<string, number>();

  constructor(readonly policy: KeyPolicy) {}

  get now(): Date {
    return new Date(this.milliseconds);
  }

  wait(seconds: number): void {
    this.milliseconds += Math.round(seconds * 1000);
  }

  untilNextDue(): void {
    const due = nextDue(this.line, this.policy);
    if (due) this.milliseconds = Math.max(this.milliseconds, due.getTime());
  }

  look(instance: number): void {
    if (missingKey(this.line, this.now, this.policy) !== null) this.intents[instance] = this.intent(null);
  }

  ask(instance: number): void {
    if (!pendingOf(this.line)) this.intents[instance] = this.intent({ kid: activeOf(this.line)?.kid });
  }

  crash(instance: number): void {
    this.intents[instance] = null;
  }

  commit(instance: number): void {
    const intent = this.intents[instance] ?? null;
    this.intents[instance] = null;
    this.applyDue();
    if (intent && this.isWanted(intent)) {
      this.line = { ...this.line, keys: [...this.line.keys, newKey(this.line, intent.kid, this.now)] };
      this.noteActivation(false);
      this.applyDue();
    }
  }

  revoke(nth: number): void {
    const key = this.line.keys[nth % Math.max(this.line.keys.length, 1)];
    if (key) this.put(key.kid, revoked(key, this.now));
  }

  /** In SQL, by somebody who sets the state and nothing else. */
  revokeInSql(): void {
    const active = activeOf(this.line);
    if (active) this.put(active.kid, { ...active, state: 'revoked' });
  }

  retireInSql(): void {
    const active = activeOf(this.line);
    if (active) this.put(active.kid, { ...active, state: 'retiring' });
  }

  mint(): void {
    const active = activeOf(this.line);
    if (active) this.tokens.push({ kid: active.kid, expires: this.milliseconds + this.policy.keepSeconds * 1000 });
  }

  stateOf(kid: string): string {
    return this.line.keys.find((key) => key.kid === kid)?.state ?? 'gone';
  }

  private intent(inPlaceOf: Intent['inPlaceOf']): Intent {
    return { kid: `key${String(++this.count)}`, inPlaceOf };
  }

  private isWanted({ inPlaceOf }: Intent): boolean {
    if (inPlaceOf === null) return missingKey(this.line, this.now, this.policy) !== null;
    const active = activeOf(this.line);
    return !pendingOf(this.line) && (!active || active.kid === inPlaceOf.kid);
  }

  private applyDue(): void {
    const hadActive = activeOf(this.line) !== undefined;
    this.line = withChanges(this.line, dueChanges(this.line, this.now, this.policy));
    this.noteActivation(hadActive);
  }

  private noteActivation(hadActive: boolean): void {
    const active = activeOf(this.line);
    if (!active || this.activations.has(active.kid)) return;
    this.activations.set(active.kid, this.milliseconds);
    if (!hadActive) this.unannounced.add(active.kid);
  }

  private put(kid: string, key: KeyLine['keys'][number]): void {
    this.line = { ...this.line, keys: this.line.keys.map((other) => (other.kid === kid ? key : other)) };
  }
}

type Step = (world: World) => void;

const instance = fc.nat({ max: INSTANCES - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.double({ min: 0, max: 400, noNaN: true }).map((s) => (w: World) => w.wait(s)) },
  { weight: 5, arbitrary: fc.constant((w: World) => w.untilNextDue()) },
  { weight: 6, arbitrary: instance.map((n) => (w: World) => w.look(n)) },
  { weight: 8, arbitrary: instance.map((n) => (w: World) => w.commit(n)) },
  { weight: 4, arbitrary: instance.map((n) => (w: World) => w.ask(n)) },
  { weight: 1, arbitrary: instance.map((n) => (w: World) => w.crash(n)) },
  { weight: 1, arbitrary: fc.nat({ max: 9 }).map((n) => (w: World) => w.revoke(n)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>(
      (w) => w.revokeInSql(),
      (w) => w.retireInSql(),
    ),
  },
  { weight: 4, arbitrary: fc.constant((w: World) => w.mint()) },
);

const policies: fc.Arbitrary<KeyPolicy> = fc.record({
  publishSeconds: fc.constantFrom(0, 1, 300),
  rotateAfterSeconds: fc.constantFrom(null, 60, 1000, 5000),
  keepSeconds: fc.constantFrom(10, 300, 3600),
});

/** What must not be, between any two steps. Plain comparisons: there are tens of thousands of them. */
function faultsOf(world: World): string[] {
  const { line, policy, now } = world;
  const known = new Set<string>(statesThat('known'));
  const faults: string[] = [];
  for (const state of ['active', 'pending']) {
    const kids = line.keys.filter((key) => key.state === state).map(({ kid }) => kid);
    if (kids.length > 1) faults.push(`${kids.join(' and ')} are ${state}`);
  }
  for (const { kid, expires } of world.tokens) {
    if (expires > now.getTime() && !known.has(world.stateOf(kid))) faults.push(`a token outlives ${kid}`);
  }
  for (const { kid, createdAt } of line.keys) {
    const published = ((world.activations.get(kid) ?? Infinity) - createdAt.getTime()) / 1000;
    if (published < policy.publishSeconds && !world.unannounced.has(kid)) faults.push(`${kid} signs unannounced`);
  }
  return faults;
}

/** What is wrong after an undisturbed instance has looked after whatever was left behind. */
function faultsOfSettled(world: World): string[] {
  world.look(0);
  world.commit(0);
  const { line, policy, now } = world;
  const faults = faultsOf(world);
  if (!activeOf(line)) faults.push('nothing signs');
  if (dueChanges(line, now, policy).length > 0) faults.push('something is still due');
  for (const { kid, state, hasPrivateHalf } of line.keys) {
    if (hasPrivateHalf !== (state === 'pending' || state === 'active')) faults.push(`${kid} is ${state}`);
  }
  return faults;
}

describe('the keys of an algorithm, whatever instances and operators do at once', () => {
  it('sign one at a time, are known to verifiers before they sign, and for as long as their tokens live', () => {
    let activations = 0;
    fc.assert(
      fc.property(policies, fc.array(step, { maxLength: 80 }), (policy, steps) => {
        const world = new World(policy);
        world.look(0);
        world.commit(0);
        for (const take of steps) {
          take(world);
          const faults = faultsOf(world);
          if (faults.length > 0) throw new Error(faults.join(', '));
        }
        expect(faultsOfSettled(world)).toEqual([]);
        activations += world.activations.size - world.unannounced.size;
      }),
      { numRuns: 1000 },
    );
    expect(activations).toBeGreaterThan(100);
  });

  it('never lack one that signs for longer than it takes to notice, and keep their age', () => {
    const policy = { publishSeconds: 300, rotateAfterSeconds: 5000, keepSeconds: 3600 };
    fc.assert(
      fc.property(fc.array(instance, { minLength: 60, maxLength: 60 }), (instances) => {
        const world = new World(policy);
        world.look(0);
        world.commit(0);
        for (const n of instances) {
          world.untilNextDue();
          world.look(n);
          world.commit(n);
          expect(faultsOfSettled(world)).toEqual([]);
          const active = activeOf(world.line);
          const age = (world.now.getTime() - (active?.activatedAt?.getTime() ?? 0)) / 1000;
          expect(age).toBeLessThan(policy.rotateAfterSeconds);
        }
        expect(world.unannounced.size).toBe(1);
        const first = [...world.activations.values()];
        const gaps = first.slice(1).map((at, index) => (at - (first[index] ?? 0)) / 1000);
        expect(new Set(gaps)).toEqual(new Set([policy.rotateAfterSeconds]));
        expect(noticeSeconds(policy)).toBe(305);
      }),
      { numRuns: 20 },
    );
  });
});
