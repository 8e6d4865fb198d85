import type { Client } from 'pg';
import { claimsOf, headerOf } from '../../support/tokens.js';

/** Something that took place within these bounds, on the monotonic clock (ms). */
export interface Span {
  from: number;
  to: number;
}

/** A change that ends tokens. Until it is acknowledged, `to` is Infinity. */
export interface Change extends Span {
  readonly what: string;
  readonly endsSessions: boolean;
  concerns(token: KnownToken): boolean;
  /** The number that Postgres gave it, where the transaction could be asked. */
  seq: number | null;
}

export interface KnownToken {
  readonly value: string;
  readonly sub: string;
  readonly clientId: string;
  readonly sid: string;
  readonly jti: string;
  readonly kid: string;
  readonly asOf: number;
  readonly scope: string;
  /** When it was asked for, and when it came. */
  readonly minted: Span;
}

export function knownToken(value: string, minted: Span): KnownToken {
  const {
    sub,
    client_id: clientId,
    sid,
    jti,
    as_of: asOf,
    scope,
  } = claimsOf(value) as Record<string, string> & { as_of: number };
  const facts = {
    sub: String(sub),
    clientId: String(clientId),
    sid: String(sid),
    jti: String(jti),
    scope: String(scope),
  };
  return { value, ...facts, kid: String(headerOf(value)['kid']), asOf, minted };
}

export type Verdict = 'right' | 'open' | 'wrong acceptance' | 'wrong refusal';

/** ms. */
const LONGEST_CHANGE = 60_000;

/**
 * All changes of a run, and what is right in view of them. A change took place somewhere between being asked for and being acknowledged, a
 * token's facts were read and a use was decided likewise: where these spans are apart, there is one right answer whatever happened inside.
 */
export class Timeline {
  readonly changes: Change[] = [];

  begin(change: Pick<Change, 'what' | 'endsSessions' | 'concerns'>): Change {
    const begun = { ...change, from: performance.now(), to: Infinity, seq: null };
    this.changes.push(begun);
    return begun;
  }

  /** A transaction whose end is the change: its number is read before it commits, and nobody sees it earlier than that. */
  async inSql(
    client: Client,
    change: Pick<Change, 'what' | 'endsSessions' | 'concerns'>,
    statement: string,
    ...values: unknown[]
  ): Promise<void> {
    await client.query('BEGIN');
    await client.query(statement, values);
    await client.query('SET CONSTRAINTS ALL IMMEDIATE');
    const { rows } = await client.query<{ seq: string }>('SELECT seq FROM validity_clock');
    const begun = this.begin(change);
    begun.seq = Number(rows[0]?.seq);
    await client.query('COMMIT');
    begun.to = performance.now();
  }

  /** In words, for who looks for what went wrong. */
  latest(): string {
    return this.changes
      .slice(-3)
      .map(({ what, from, to }) => `${what} ${from} ${to}`)
      .join(', ');
  }

  /** The use of a token that was accepted or not. */
  judge(token: KnownToken, use: Span, accepted: boolean): { byTime: Verdict; byNumber: Verdict } {
    const about = this.since(token.minted.from).filter((change) => change.concerns(token));
    return {
      byTime: verdictOf(accepted, {
        must: about.some((change) => token.minted.to < change.from && change.to < use.from),
        may: about.some((change) => change.from < use.to),
      }),
      // The same by numbers: they tell what a token is older than even where the spans overlap.
      byNumber: verdictOf(accepted, {
        must: about.some(({ seq, to }) => seq !== null && token.asOf < seq && to < use.from),
        may: about.some(({ seq, from }) => (seq === null || token.asOf < seq) && from < use.to),
      }),
    };
  }

  /** The refresh of a session that began with this token. */
  judgeRefresh(first: KnownToken, use: Span, accepted: boolean): Verdict {
    const about = this.changes.filter(
      (change) => change.endsSessions && change.to > first.minted.from && change.concerns(first),
    );
    return verdictOf(accepted, {
      must: about.some((change) => first.minted.to < change.from && change.to < use.from),
      may: about.some((change) => change.from < use.to),
    });
  }

  /** The changes that were not over at that moment. They are in the order in which they began, and none takes as long as `LONGEST_CHANGE`. */
  private since(moment: number): Change[] {
    let first = this.changes.length;
    while (first > 0 && (this.changes[first - 1]?.from ?? 0) > moment - LONGEST_CHANGE) first--;
    return this.changes.slice(first).filter(({ to }) => to > moment);
  }
}

/** @param refusal whether the token must be refused, and whether it may be */
function verdictOf(accepted: boolean, refusal: { must: boolean; may: boolean }): Verdict {
  if (accepted) return refusal.must ? 'wrong acceptance' : refusal.may ? 'open' : 'right';
  return refusal.must ? 'right' : refusal.may ? 'open' : 'wrong refusal';
}
