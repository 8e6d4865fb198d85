import type { KeyState } from './lifecycle.js';

/** What decides about one key. */
export interface KeyLife {
  readonly kid: string;
  readonly state: KeyState;
  /** It has been published since. */
  readonly createdAt: Date;
  readonly activatedAt: Date | null;
  readonly retiringAt: Date | null;
  /** When the last token that it signed has expired. */
  readonly retireAt: Date | null;
  readonly retiredAt: Date | null;
  readonly revokedAt: Date | null;
  /** Whether its private half, or its secret, is still stored. */
  readonly hasPrivateHalf: boolean;
}

/** The keys that follow one another: those of one algorithm, or those of one algorithm and one audience with a secret of its own. */
export interface KeyLine {
  readonly algorithm: string;
  /** The audience that the secrets belong to; null for keys with a public half. */
  readonly audience: string | null;
  /** Whether anything asks for tokens of this algorithm, so that there must always be a key that signs. */
  readonly inUse: boolean;
  /** Retired and revoked ones need not be among them. */
  readonly keys: readonly KeyLife[];
}

export interface KeyPolicy {
  /** For how long a verifier may keep the JWKS (seconds). */
  readonly publishSeconds: number;
  /** How long a key signs before another takes its place (seconds); null: until somebody asks for another. */
  readonly rotateAfterSeconds: number | null;
  /** The longest lifetime of any token that may be outstanding (seconds). */
  readonly keepSeconds: number;
}

export interface KeyChange {
  /** Null: what is left of a private half is deleted, and nothing else. */
  readonly to: 'active' | 'retiring' | 'retired' | null;
  /** As it is afterwards. */
  readonly key: KeyLife;
}

/** For clocks that differ, and for tokens that were being signed as their key was replaced. */
const RETIRE_MARGIN_SECONDS = 600;
const LONGEST_PUBLISH_MARGIN_SECONDS = 5;

/**
 * How long a key is published before it signs. A JWKS that was read just before the key was there is kept from when it arrives, which may be
 * some time later: therefore half as long again, up to five seconds.
 */
export function noticeSeconds({ publishSeconds }: KeyPolicy): number {
  return publishSeconds + Math.min(publishSeconds / 2, LONGEST_PUBLISH_MARGIN_SECONDS);
}

/**
 * The key that the line needs and lacks: one that signs at once where none does, one that is published in time where the age of the active one
 * asks for a successor. Secrets are given or shown to those who verify with them, so that none is ever made unasked.
 */
export function missingKey(line: KeyLine, now: Date, policy: KeyPolicy): 'active' | 'pending' | null {
  if (line.audience !== null || !line.inUse || pendingOf(line)) return null;
  const active = activeOf(line);
  if (!active) return 'active';
  const due = successorDue(active, policy);
  return due !== null && now >= due ? 'pending' : null;
}

/** The life of a new key: verifiers get to know it before it signs, unless nothing else does. */
export function newKey(line: KeyLine, kid: string, now: Date): KeyLife {
  const key: KeyLife = {
    kid,
    state: 'pending',
    createdAt: now,
    activatedAt: null,
    retiringAt: null,
    retireAt: null,
    retiredAt: null,
    revokedAt: null,
    hasPrivateHalf: true,
  };
  return activeOf(line) || pendingOf(line) ? key : activated(key, now);
}

/** Everything that is due in this line, in order. Applied to what it returns, it returns nothing. */
export function dueChanges(line: KeyLine, now: Date, policy: KeyPolicy): KeyChange[] {
  const changes: KeyChange[] = [];
  for (let current = line; ;) {
    const step = nextStep(current, now, policy);
    if (step.length === 0) return changes;
    changes.push(...step);
    current = withChanges(current, step);
  }
}

/** The line after these changes. */
export function withChanges(line: KeyLine, changes: readonly KeyChange[]): KeyLine {
  const after = new Map(changes.map(({ key }) => [key.kid, key]));
  return { ...line, keys: line.keys.map((key) => after.get(key.kid) ?? key) };
}

/** When the next change of this line or the next missing key will be due; null when nothing is to come. */
export function nextDue(line: KeyLine, policy: KeyPolicy): Date | null {
  const active = activeOf(line);
  const dues = line.keys.map((key) => {
    if (key.state === 'pending') return activationDue(key, policy);
    return key.state === 'retiring' ? key.retireAt : null;
  });
  if (active && !pendingOf(line) && line.audience === null) {
    dues.push(line.inUse ? successorDue(active, policy) : rotationDue(active, policy));
  }
  const times = dues.flatMap((due) => (due === null ? [] : [due.getTime()]));
  return times.length === 0 ? null : new Date(Math.min(...times));
}

/** Its tokens end at once, whatever it was doing. */
export function revoked(key: KeyLife, now: Date): KeyLife {
  return { ...key, state: 'revoked', revokedAt: now, hasPrivateHalf: false };
}

/** It signs no more; what it has signed is still verified, with a secret by the secret itself. */
export function retiring(key: KeyLife, line: Pick<KeyLine, 'audience'>, now: Date, policy: KeyPolicy): KeyLife {
  return {
    ...key,
    state: 'retiring',
    retiringAt: key.retiringAt ?? now,
    retireAt: key.retireAt ?? after(now, policy.keepSeconds + RETIRE_MARGIN_SECONDS),
    hasPrivateHalf: key.hasPrivateHalf && line.audience !== null,
  };
}

export function activated(key: KeyLife, now: Date): KeyLife {
  return { ...key, state: 'active', activatedAt: now };
}

export function activeOf({ keys }: KeyLine): KeyLife | undefined {
  return keys.find(({ state }) => state === 'active');
}

/** Of several the oldest. */
export function pendingOf({ keys }: KeyLine): KeyLife | undefined {
  return keys
    .filter(({ state }) => state === 'pending')
    .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime())
    .at(0);
}

function nextStep(line: KeyLine, now: Date, policy: KeyPolicy): KeyChange[] {
  const active = activeOf(line);
  const pending = pendingOf(line);
  if (pending && (!active || now >= activationDue(pending, policy))) {
    const former: KeyChange[] = active ? [{ to: 'retiring', key: retiring(active, line, now, policy) }] : [];
    return [...former, { to: 'active', key: activated(pending, now) }];
  }
  // What nothing asks for any more is not renewed.
  if (active && !pending && !line.inUse && line.audience === null) {
    const due = rotationDue(active, policy);
    if (due !== null && now >= due) return [{ to: 'retiring', key: retiring(active, line, now, policy) }];
  }
  for (const key of line.keys) {
    const change = dueEnding(key, line, now, policy);
    if (change) return [change];
  }
  return [];
}

/** Also completes what somebody began in SQL, who set a state and nothing else. */
function dueEnding(key: KeyLife, line: KeyLine, now: Date, policy: KeyPolicy): KeyChange | null {
  switch (key.state) {
    case 'pending':
    case 'active':
      return key.hasPrivateHalf ? null : { to: 'retiring', key: retiring(key, line, now, policy) };
    case 'retiring':
      if (key.retireAt === null || (key.hasPrivateHalf && line.audience === null)) {
        return { to: 'retiring', key: retiring(key, line, now, policy) };
      }
      if (now < key.retireAt) return null;
      return { to: 'retired', key: { ...key, state: 'retired', retiredAt: now, hasPrivateHalf: false } };
    case 'retired':
    case 'revoked':
      return key.hasPrivateHalf ? { to: null, key: { ...key, hasPrivateHalf: false } } : null;
  }
}

function activationDue(key: KeyLife, policy: KeyPolicy): Date {
  return after(key.createdAt, noticeSeconds(policy));
}

function rotationDue(key: KeyLife, { rotateAfterSeconds }: KeyPolicy): Date | null {
  return rotateAfterSeconds === null ? null : after(key.activatedAt ?? key.createdAt, rotateAfterSeconds);
}

/** Early enough for the successor to sign when the active one has reached its age. */
function successorDue(active: KeyLife, policy: KeyPolicy): Date | null {
  const due = rotationDue(active, policy);
  return due && after(due, -noticeSeconds(policy));
}

function after(moment: Date, seconds: number): Date {
  return new Date(moment.getTime() + seconds * 1000);
}
