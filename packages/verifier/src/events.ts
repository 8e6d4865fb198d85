import { hash } from 'node:crypto';
import type { RefusalReason } from './refusal-reason.js';

/** What an event is about; `key` names which one. */
export const EVENT_KINDS = [
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
] as const;

export type EventKind = (typeof EVENT_KINDS)[number];

/** The key of the one global event. */
export const GLOBAL_KEY = '*';

/** Something changed that ends tokens which are not newer than `seq`. */
export interface ValidityEvent {
  readonly kind: EventKind;
  /**
   * `*` (global), user id, clientId, session id, jti, audience identifier, role name, `role permission` or kid. A source for
   * microservices sends `hashedKey` of it for the kinds that would disclose ids.
   */
  readonly key: string;
  readonly seq: number;
  readonly reason: string;
}

/** One answer of the truth: everything that happened after a given `seq`; after 0, the whole window. */
export interface CatchUp {
  /** The position of the truth when it was read. */
  readonly seq: number;
  /** Events up to here may have been deleted: a token that is not newer cannot be judged any more. */
  readonly floor: number;
  /** The longest lifetime of any outstanding token. */
  readonly keepSeconds: number;
  /** The longest lifetime of any outstanding access token of a session. */
  readonly keepAccessSeconds: number;
  /** The clock of the truth when it was read: ms since 1970. */
  readonly now?: number;
  /** How long after receiving the request the truth was read (long-polling); in ms, 0 when absent. */
  readonly waitedMs?: number;
  readonly events: readonly ValidityEvent[];
}

/**
 * Asks the truth what happened after `after`. The answer must be read from the truth after the call. When `signal` aborts,
 * give up: an answer that comes later is ignored.
 */
export type ValiditySource = (after: number, signal: AbortSignal) => Promise<CatchUp>;

/** The kinds whose keys are hashed on the way to a microservice, so that a subscriber learns no ids. */
export type HashedKind = 'user' | 'user_facts' | 'session' | 'token';

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** What encodes two bits that nothing follows. */
const TWO_BITS = 'AQgw';

/** base64url of the first 16 bytes of SHA-256(`kind|key`). */
export function hashedKey(kind: HashedKind, key: string): string {
  const digest = hash('sha256', `${kind}|${key}`, 'base64url');
  // 16 bytes are 21 characters and two bits. No buffer is made: this is done for each event of a whole window.
  return digest.slice(0, 21) + TWO_BITS.charAt(BASE64URL.indexOf(digest.charAt(21)) >> 4);
}

/** The reasons that an event may give, and for each kind the one assumed when the source gives another. */
const EVENT_REASONS: ReadonlySet<string> = new Set<RefusalReason>([
  'user_disabled',
  'user_deleted',
  'credentials_changed',
  'facts_changed',
  'role_changed',
  'session_ended',
  'token_revoked',
  'client_disabled',
  'forced_expiration',
]);

const ASSUMED_REASON: Readonly<Record<EventKind, RefusalReason>> = {
  global: 'forced_expiration',
  user: 'forced_expiration',
  user_facts: 'facts_changed',
  client: 'client_disabled',
  session: 'session_ended',
  token: 'token_revoked',
  audience: 'forced_expiration',
  role: 'role_changed',
  role_permission: 'role_changed',
  signing_key: 'key_revoked',
};

/** The reason for which this event refuses a token. A newer service may know reasons that are unknown here: still refuse. */
export function refusalReasonOf({ kind, reason }: ValidityEvent): RefusalReason {
  return kind !== 'signing_key' && isEventReason(reason) ? reason : ASSUMED_REASON[kind];
}

function isEventReason(reason: string): reason is RefusalReason {
  return EVENT_REASONS.has(reason);
}

/**
 * Checks the shape of an answer before any of it is used. An unknown kind of event is an error too: it ends tokens in a way
 * that cannot be judged here, and to ignore it would be to guess.
 *
 * @throws TypeError that names what is wrong
 */
export function assertCatchUp(answer: unknown): asserts answer is CatchUp {
  assertStanding(answer);
  for (const event of answer.events) assertEvent(event, answer.seq);
}

/**
 * Checks all of an answer but its events, each by itself.
 *
 * @throws TypeError that names what is wrong
 */
export function assertStanding(answer: unknown): asserts answer is Omit<CatchUp, 'events'> & { events: unknown[] } {
  if (!isRecord(answer)) throw new TypeError('validity answer: not an object');
  for (const name of ['seq', 'floor', 'keepSeconds', 'keepAccessSeconds']) {
    if (!isPosition(answer[name])) throw new TypeError(`validity answer: ${name} is not a non-negative safe integer`);
  }
  for (const name of ['now', 'waitedMs']) {
    const value = answer[name];
    if (value !== undefined && !(typeof value === 'number' && value >= 0 && value < Infinity)) {
      throw new TypeError(`validity answer: ${name} is not a number of milliseconds`);
    }
  }
  const { seq, floor, events } = answer as { seq: number; floor: number; events: unknown };
  if (floor > seq) throw new TypeError('validity answer: floor is above seq');
  if (!Array.isArray(events)) throw new TypeError('validity answer: events is not an array');
}

const KNOWN_KINDS: ReadonlySet<unknown> = new Set(EVENT_KINDS);

/** @throws TypeError unless it is an event that the truth may know at `newest` */
export function assertEvent(event: unknown, newest: number): asserts event is ValidityEvent {
  if (!isRecord(event)) throw new TypeError('validity answer: an event is not an object');
  const { kind, key, seq, reason } = event;
  if (!KNOWN_KINDS.has(kind)) throw new TypeError('validity answer: an event of an unknown kind');
  if (typeof key !== 'string' || key === '' || (kind === 'global' && key !== GLOBAL_KEY)) {
    throw new TypeError('validity answer: an event without a proper key');
  }
  if (kind === 'role_permission' && key.lastIndexOf(' ') < 1) {
    throw new TypeError('validity answer: a role_permission event whose key is not "role permission"');
  }
  if (!isPosition(seq) || seq === 0 || seq > newest)
    throw new TypeError('validity answer: an event outside the answered range');
  if (typeof reason !== 'string') throw new TypeError('validity answer: an event without a reason');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isPosition(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
