import { hashedKey, type ValidityEvent, type WindowView } from '@portcullis/verifier';

/** Where the window stands; what an answer of the feed says besides its events. */
export type Standing = Pick<WindowView, 'seq' | 'floor' | 'keepSeconds' | 'keepAccessSeconds'>;

/** One event as JSON. Subscribers learn no ids of users, sessions and tokens: those keys are hashed. */
export function encodeEvent({ kind, key, seq, reason }: ValidityEvent): string {
  const sent =
    kind === 'user' || kind === 'user_facts' || kind === 'session' || kind === 'token' ? hashedKey(kind, key) : key;
  return `{"kind":"${kind}","key":${JSON.stringify(sent)},"seq":${seq.toString()},"reason":${JSON.stringify(reason)}}`;
}

/** What an answer says to one question only. `now` in ms since 1970 by the database's clock. */
export interface Reading {
  now: number;
  waitedMs: number;
  nonce?: string | undefined;
}

/** What follows the events in an answer. */
export function encodeEnd(standing: Standing, reading: Reading): string {
  const { seq, floor, keepSeconds, keepAccessSeconds } = standing;
  return `],${JSON.stringify({ seq, floor, keepSeconds, keepAccessSeconds, ...reading }).slice(1)}`;
}

export const ANSWER_START = '{"events":[';
