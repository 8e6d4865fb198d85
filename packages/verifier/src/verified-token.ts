import type { TokenClaims } from './claims.js';
import { hashedKey, type HashedKind } from './events.js';
import { principalOf, type Principal } from './principal.js';

/** By which keys events name the token's user, session and the token itself. Session is null outside sessions. */
export interface EventKeys extends Readonly<Record<HashedKind, string | null>> {
  readonly user: string;
  readonly user_facts: string;
  readonly session: string | null;
  readonly token: string;
}

/** `asOf` of a token that does not say, in a usable form, which event it is newer than. */
export const NO_AS_OF = -1;

/**
 * A token whose signature, type, claims and addressee were found good. That stays so, and may be cached; whether it is
 * accepted is decided anew each time.
 */
export class VerifiedToken {
  readonly asOf: number;
  /** What the token says when nothing is stripped from it. */
  readonly principal: Principal;
  readonly #plainKeys: EventKeys;
  #hashedKeys: EventKeys | undefined;

  constructor(
    readonly claims: TokenClaims,
    /** The key that signed it. */
    readonly kid: string,
    /** The one audience that the key is shared with, and that could have written the token itself; null for a key of the issuer alone. */
    readonly keyAudience: string | null = null,
  ) {
    // Shared by all requests that carry the token: none may give itself a role.
    deepFreeze(claims);
    this.asOf = readAsOf(claims);
    this.principal = principalOf(claims, this.asOf);
    this.#plainKeys = { user: claims.sub, user_facts: claims.sub, session: claims.sid ?? null, token: claims.jti };
  }

  /** @param hashed whether the window names them by `hashedKey` */
  eventKeys(hashed: boolean): EventKeys {
    return hashed ? (this.#hashedKeys ??= hashKeys(this.#plainKeys)) : this.#plainKeys;
  }
}

function readAsOf({ as_of: asOf }: TokenClaims): number {
  return typeof asOf === 'number' && Number.isSafeInteger(asOf) && asOf >= 0 ? asOf : NO_AS_OF;
}

function deepFreeze(value: object): void {
  Object.freeze(value);
  for (const child of Object.values(value) as unknown[]) {
    if (typeof child === 'object' && child !== null) deepFreeze(child);
  }
}

function hashKeys(keys: EventKeys): EventKeys {
  return {
    user: hashedKey('user', keys.user),
    user_facts: hashedKey('user_facts', keys.user_facts),
    session: keys.session === null ? null : hashedKey('session', keys.session),
    token: hashedKey('token', keys.token),
  };
}
