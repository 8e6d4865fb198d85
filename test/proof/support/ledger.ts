import { outrunsWindow, refusalOf, strippedBy, type ValidityWindow, type VerifiedToken } from '@portcullis/verifier';
import type { Proof } from './service-model.js';

export interface Login {
  proof: Proof;
  audience: string[];
  /** Something that ends its session happened while it was under way. */
  spoilt: boolean;
}

export interface KnownSession {
  id: string;
  user: string;
  audience: string[];
  ended: boolean;
  expiresAt: number;
  /** Its refresh tokens, oldest first, and when each was used. */
  refreshTokens: string[];
  uses: number[];
}

/** A session, or a login that will be one. */
export type Started = Pick<KnownSession, 'user' | 'audience'> & { id: string | null };

export interface KnownToken {
  verified: VerifiedToken;
  /** The tick of the first change that ends it. */
  endedAt: number;
  /** Roles and permissions taken from it, and at which tick. */
  taken: Map<string, number>;
}

export interface Follower {
  window: ValidityWindow;
  /** The tick of its last catch-up. */
  tick: number;
}

/**
 * What is right, beside a service model: which tokens and sessions were ended by what was done, written down in terms of that and never
 * forgotten. It knows nothing of events, epochs, positions and floors.
 */
export class Ledger {
  readonly tokens: KnownToken[] = [];
  readonly sessions: KnownSession[] = [];
  readonly checking: Login[] = [];
  tick = 0;
  decisions = 0;

  remember(verified: VerifiedToken | null): void {
    if (verified) this.tokens.push({ verified, endedAt: Infinity, taken: new Map() });
  }

  endUser(user: string): void {
    this.endSessions((of) => of.user === user);
    this.endTokens(({ claims }) => claims.sub === user);
  }

  endTokens(concerned: (token: VerifiedToken) => boolean): void {
    for (const token of this.tokens) {
      if (concerned(token.verified)) token.endedAt = Math.min(token.endedAt, this.tick);
    }
  }

  endSessions(concerned: (session: Started) => boolean): void {
    for (const session of this.sessions) if (concerned(session)) session.ended = true;
    for (const login of this.checking) {
      if (concerned({ id: null, user: login.proof.user, audience: login.audience })) login.spoilt = true;
    }
  }

  /** The role gives these no longer: tokens that carry the role lose them. */
  take(role: string, ...names: string[]): void {
    for (const { verified, taken } of this.tokens) {
      if (!verified.principal.roles.includes(role)) continue;
      for (const name of names) if (!taken.has(name)) taken.set(name, this.tick);
    }
  }

  /** @param now seconds since 1970 */
  judge({ window, tick }: Follower, now: number): void {
    for (const { verified, endedAt, taken } of this.tokens) {
      // One that the window has not reached yet waits for the next catch-up.
      if (outrunsWindow(verified, window)) continue;
      this.decisions++;
      const reason = refusalOf(verified, window, now);
      if (verified.claims.exp <= now) must(reason === 'expired', 'expired, and not noticed');
      else if (endedAt <= tick) must(reason !== null, 'WRONG ACCEPTANCE');
      else must(reason === null, `WRONG REFUSAL: ${String(reason)}`);
      if (reason !== null) continue;
      const stripped = strippedBy(verified, window);
      const lost = (name: string) => (taken.get(name) ?? Infinity) <= tick;
      for (const role of verified.principal.roles) {
        must((stripped?.roles.has(role) ?? false) === lost(role), `WRONG about role ${role}`);
      }
      for (const name of verified.principal.permissions) {
        must((stripped?.permissions.has(name) ?? false) === lost(name), `WRONG about permission ${name}`);
      }
    }
  }
}

/** Much cheaper than `expect`, which matters some ten million times. */
export function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
