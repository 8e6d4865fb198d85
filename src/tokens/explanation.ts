import {
  DEFAULT_TIME_LIMITS,
  ENDING_KINDS,
  endingEvent,
  isExpired,
  isKeyRevoked,
  isNotYetValid,
  outlivesRetention,
  type EndingKind,
  type RefusalReason,
  type TokenClaims,
  type VerifiedToken,
  type WindowView,
} from '@portcullis/verifier';
import { UUID } from '../common/pagination.js';

/** The five questions that are asked of every token, in the order in which they are answered. */
export const QUESTIONS = [
  'not_expired',
  'signature_valid',
  'credentials_unchanged',
  'user_active',
  'not_forced',
] as const;

export type Question = (typeof QUESTIONS)[number];

/** `answer`: true is good, false refuses the token, null does not apply or cannot be told. */
export interface Answer {
  question: Question;
  answer: boolean | null;
  facts: Record<string, unknown>;
}

/** The user that a token names, as the database has it now. */
export interface SubjectRow {
  status: string;
  credentialsChangedAt: Date;
}

/** What could be found out about a token. */
export interface Evidence {
  /** As the payload says, whether or not it can be trusted; null when it cannot be read. */
  claims: TokenClaims | null;
  /** Null when the signature is good. */
  signatureRefusal: RefusalReason | null;
  kid: string | null;
  algorithm: string | null;
  /** Present when signature and claims are good. */
  verified: VerifiedToken | null;
  /** Null when the token is not about a user, or its user does not exist. */
  subject: SubjectRow | null;
  window: WindowView;
  /** Seconds since 1970. */
  now: number;
}

/** Answers each question by itself, so that a token with several faults shows them all. */
export function explain(evidence: Evidence): Answer[] {
  return [
    { question: 'not_expired', ...notExpired(evidence) },
    { question: 'signature_valid', ...signatureValid(evidence) },
    { question: 'credentials_unchanged', ...credentialsUnchanged(evidence) },
    { question: 'user_active', ...userActive(evidence) },
    { question: 'not_forced', ...notForced(evidence) },
  ];
}

type Finding = Omit<Answer, 'question'>;

const UNKNOWN: Finding = { answer: null, facts: {} };

function notExpired({ claims, window, now }: Evidence): Finding {
  if (!claims) return UNKNOWN;
  const tooLong = outlivesRetention(claims, window);
  const early = isNotYetValid(claims, now, DEFAULT_TIME_LIMITS.clockToleranceSeconds);
  const facts = {
    issuedAt: time(claims.iat),
    expiresAt: time(claims.exp),
    ...(claims.nbf !== undefined && { notBefore: time(claims.nbf) }),
    now: time(now),
    ...(tooLong && {
      longestLifetimeSeconds: claims.sid === undefined ? window.keepSeconds : window.keepAccessSeconds,
    }),
  };
  return { answer: !isExpired(claims, now) && !early && !tooLong, facts };
}

function signatureValid({ signatureRefusal, kid, algorithm }: Evidence): Finding {
  const facts = { kid, algorithm, ...(signatureRefusal !== null && { problem: signatureRefusal }) };
  return { answer: signatureRefusal === null, facts };
}

/**
 * Whom a token is about. Users are named by a session, or by a subject that is not the client itself (RFC 9068 section 2.2) and has the form of
 * their ids; of any other subject, as generated tokens may have, nothing is known here.
 */
export function subjectKind({ sid, sub, client_id: clientId }: TokenClaims): 'user' | 'client' | 'other' {
  if (sid !== undefined) return 'user';
  if (sub === clientId) return 'client';
  return UUID.test(sub) ? 'user' : 'other';
}

function credentialsUnchanged({ verified, subject, window }: Evidence): Finding {
  if (!verified) return UNKNOWN;
  const kind = subjectKind(verified.claims);
  if (kind === 'other') return UNKNOWN;
  const event = endingEvent(kind, verified, window);
  const facts = {
    asOf: verified.asOf,
    ...(event && { endedBy: event.seq, reason: event.reason }),
    ...(subject && { credentialsChangedAt: subject.credentialsChangedAt.toISOString() }),
  };
  // One event per user is kept: of a later one of another kind, the row still tells whether the credentials changed too.
  const changedSince = subject !== null && subject.credentialsChangedAt.getTime() / 1000 >= verified.claims.iat + 1;
  return { answer: event?.reason !== 'credentials_changed' && !(event && changedSince), facts };
}

function userActive({ verified, subject, window }: Evidence): Finding {
  if (!verified || subjectKind(verified.claims) !== 'user') return UNKNOWN;
  const event = endingEvent('user', verified, window);
  const wasDisabled = event?.reason === 'user_disabled' || event?.reason === 'user_deleted';
  const facts = {
    status: subject?.status ?? 'absent',
    ...(event && wasDisabled && { endedBy: event.seq, reason: event.reason }),
  };
  return { answer: subject?.status === 'active' && !wasDisabled, facts };
}

/** By the kind of the subject: of a client only its credentials have a question of their own. */
const ANSWERED_ELSEWHERE: Record<'user' | 'client', ReadonlySet<RefusalReason>> = {
  user: new Set(['credentials_changed', 'user_disabled', 'user_deleted']),
  client: new Set(['credentials_changed']),
};

function notForced({ verified, window }: Evidence): Finding {
  if (!verified) return UNKNOWN;
  const about = subjectKind(verified.claims);
  const isAnswered = (kind: EndingKind, reason: RefusalReason): boolean =>
    about === kind && ANSWERED_ELSEWHERE[about].has(reason);
  const events = ENDING_KINDS.flatMap((kind) => {
    const event = endingEvent(kind, verified, window);
    return event && !isAnswered(kind, event.reason) ? [{ kind, seq: event.seq, reason: event.reason }] : [];
  });
  const keyRevoked = isKeyRevoked(verified, window);
  const inWindow = verified.asOf >= window.floor && verified.asOf <= window.seq;
  const facts = {
    asOf: verified.asOf,
    floor: window.floor,
    seq: window.seq,
    events,
    ...(keyRevoked && { keyRevoked }),
  };
  return { answer: events.length === 0 && !keyRevoked && inWindow, facts };
}

function time(seconds: number): string | number {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? seconds : date.toISOString();
}
