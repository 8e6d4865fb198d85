import { VerificationError } from './errors.js';
import type { RefusalReason } from './refusal-reason.js';

/**
 * What a decision rests on: the `window` as it was no longer ago than allowed, `introspection`, `old_knowledge` (`accept-until-exp`), or the `signature`
 * and the claims alone, without client credentials.
 */
export type Basis = 'window' | 'introspection' | 'old_knowledge' | 'signature';

/** One decision, for metrics. Durations are in ms. */
export interface Decision {
  /** `unavailable`: it could not be known. */
  readonly outcome: 'accepted' | 'refused' | 'unavailable';
  /** Why it was refused. */
  readonly reason?: RefusalReason;
  readonly basis: Basis;
  /** How old the knowledge of the window was; null before the first answer, or when nothing is ever asked. */
  readonly ageMs: number | null;
  readonly durationMs: number;
}

/** What an operator should hear of. */
export type Notice =
  | { type: 'unconnected'; message: string }
  | { type: 'feed_lost'; message: string; cause: unknown }
  | { type: 'feed_found'; message: string }
  | { type: 'accepted_on_old_knowledge'; message: string; tokenId: string; staleForMs: number };

/** Outcome and reason as a decision has them, of what `verify` threw. */
export function outcomeOf(error: unknown): Pick<Decision, 'outcome' | 'reason'> {
  return error instanceof VerificationError ? { outcome: 'refused', reason: error.reason } : { outcome: 'unavailable' };
}

/** The same listener, whose faults are its own: neither what it throws nor a promise that it leaves behind breaks a decision. */
export function harmless<T>(listener: (told: T) => unknown): (told: T) => void {
  return (told) => {
    try {
      const result = listener(told);
      if (result instanceof Promise) result.catch(() => undefined);
    } catch {
      // Whoever listens was to handle it.
    }
  };
}
