import {
  DEFAULT_TIME_LIMITS,
  ENDING_KINDS,
  endingEvent,
  isExpired,
  isKeyRevoked,
  isNotYetValid,
  outlivesRetention,
  type RefusalReason,
  type TokenClaims,
  type VerifiedToken,
  type WindowView,
} from '@portcullis/verifier';

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

/** Users are named by a session, or by a subject that is not the client itself (RFC 9068 section 2.2). */
export function isAboutUser(claims: TokenClaims): boolean {
  return claims.sid !== undefined || claims.sub !== claims.client_id;
}

function credentialsUnchanged({ verified, subject, window }: Evidence): Finding {
  if (!verified || !isAboutUser(verified.claims)) return UNKNOWN;
  const event = endingEvent('user', verified, window);
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
  if (!verified || !isAboutUser(verified.claims)) return UNKNOWN;
  const event = endingEvent('user', verified, window);
  const wasDisabled = event?.reason === 'user_disabled' || event?.reason === 'user_deleted';
  const facts = {
    status: subject?.status ?? 'absent',
    ...(event && wasDisabled && { endedBy: event.seq, reason: event.reason }),
  };
  return { answer: subject?.status === 'active' && !wasDisabled, facts };
}

const ANSWERED_ELSEWHERE: ReadonlySet<RefusalReason> = new Set([
  'credentials_changed',
  'user_disabled',
  'user_deleted',
]);

function notForced({ verified, window }: Evidence): Finding {
  if (!verified) return UNKNOWN;
  const events = ENDING_KINDS.flatMap((kind) => {
    const event = endingEvent(kind, verified, window);
    return event && !ANSWERED_ELSEWHERE.has(event.reason) ? [{ kind, seq: event.seq, reason: event.reason }] : [];
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
