import { VerifiedToken, hashedKey, type CatchUp, type EventKind, type ValidityEvent } from '@portcullis/verifier';
import { decideRefresh } from '../../../src/sessions/refresh-rotation.js';
import {
  decodeRefreshToken,
  encodeRefreshToken,
  firstRefreshToken,
  refreshTokenHash,
  successorOf,
} from '../../../src/sessions/refresh-token.js';
import { accessTokenClaims } from '../../../src/tokens/access-token-claims.js';
import { nextRetention, type Retention } from '../../../src/validity/retention.js';

export const GRACE_SECONDS = 10;
export const SESSION_SECONDS = 2000;
const TRIM_AFTER_SECONDS = 600;
const CLIENT = 'portcullis';
const KEYS = { successor: Buffer.alloc(32, 1), mac: Buffer.alloc(32, 2) };

interface User {
  status: 'active' | 'disabled';
  epoch: number;
  /** Role to the moment at which it was granted. */
  readonly roles: Map<string, number>;
}

/** What a login has read when it begins to check the password. */
export interface Proof {
  readonly user: string;
  readonly epoch: number;
  readonly asOf: number;
}

interface Session extends Proof {
  readonly id: string;
  readonly audience: string[];
  generation: number;
  hash: Buffer;
  readonly uses: Date[];
  revoked: boolean;
  expiresAt: number;
}

/** Lifetimes (seconds) that one instance is configured with. */
export interface Lifetimes {
  access: number;
  generated: number;
}

export type Scope = 'global' | 'user' | 'client' | 'audience' | 'session' | 'role' | 'token';

/**
 * The tables, triggers and statements of the service in memory, as far as decisions depend on them; every rule that is a function of its own
 * is the real one. Times are in seconds.
 */
export class ServiceModel {
  now = 1_800_000_000;
  readonly users = new Map<string, User>();
  readonly sessions = new Map<string, Session>();
  readonly rolePermissions = new Map<string, Set<string>>();
  kid = 'key0';
  #seq = 1;
  #floor = 0;
  #serial = 0;
  #keep: Retention = { keepSeconds: 0, heldUntil: new Date(0) };
  #keepAccess: Retention = { keepSeconds: 0, heldUntil: new Date(0) };
  readonly #events = new Map<string, { event: ValidityEvent; expiresAt: number }>();
  readonly #endings = new Map<string, { seq: number; at: number }>();

  /** What a follower reads: every event after a position; `hashed`: as a microservice gets them. */
  read(after: number, hashed: boolean): CatchUp {
    const found = [...this.#events.values()].map(({ event }) => event).filter(({ seq }) => seq > after);
    const events = hashed ? found.map(withHashedKey) : found;
    const { keepSeconds } = this.#keep;
    const keepAccessSeconds = this.#keepAccess.keepSeconds;
    return { seq: this.#seq, floor: this.#floor, keepSeconds, keepAccessSeconds, events };
  }

  tend({ access, generated }: Lifetimes): void {
    const now = new Date(this.now * 1000);
    this.#keep = nextRetention(this.#keep, Math.max(access, generated), now);
    this.#keepAccess = nextRetention(this.#keepAccess, access, now);
  }

  trim(): void {
    for (const [id, { event, expiresAt }] of this.#events) {
      if (expiresAt + TRIM_AFTER_SECONDS >= this.now) continue;
      this.#events.delete(id);
      if (event.kind !== 'session' && event.kind !== 'token') this.#floor = Math.max(this.#floor, event.seq);
    }
  }

  prove(user: string): Proof | null {
    const found = this.users.get(user);
    return found?.status === 'active' ? { user, epoch: found.epoch, asOf: this.#seq } : null;
  }

  start(proof: Proof, audience: string[]): { id: string; refreshToken: string } {
    // A foreign key would refuse it: the user is gone.
    const id = uuid(++this.#serial);
    const token = firstRefreshToken(id);
    const row = { generation: 0, hash: refreshTokenHash(token), uses: [], revoked: false };
    if (this.users.has(proof.user))
      this.sessions.set(id, { ...proof, ...row, id, audience, expiresAt: this.now + SESSION_SECONDS });
    return { id, refreshToken: encodeRefreshToken(token, KEYS) };
  }

  /** SessionsService.refresh. */
  refresh(text: string): { session: string; refreshToken: string } | 'reuse' | null {
    const token = decodeRefreshToken(text, KEYS);
    const session = this.#live(token?.sessionId);
    if (!token || !session) return null;
    const next = successorOf(token, KEYS);
    const issued = { session: session.id, refreshToken: encodeRefreshToken(next, KEYS) };
    if (token.generation === session.generation && refreshTokenHash(token).equals(session.hash)) {
      session.generation++;
      session.hash = refreshTokenHash(next);
      session.uses.push(new Date(this.now * 1000));
      session.expiresAt = Math.max(session.expiresAt, this.now + SESSION_SECONDS);
      return issued;
    }
    const decision = decideRefresh(token.generation, session, new Date(this.now * 1000), GRACE_SECONDS);
    if (decision === 'repeat') return issued;
    if (decision !== 'reuse') return null;
    this.endSession(session.id);
    return 'reuse';
  }

  /** TokenMinter.mint. */
  mint(sessionId: string, { access }: Lifetimes): VerifiedToken | null {
    const session = this.#live(sessionId);
    if (!session) return null;
    const facts = {
      ...this.#facts(session.user),
      asOf: this.#seq,
      now: this.now,
      keepAccess: this.#keepAccess.keepSeconds,
      kid: this.kid,
      username: session.user,
      clientId: CLIENT,
      audience: [...session.audience],
      sessionExpiresAt: session.expiresAt,
      amr: ['pwd'],
      authTime: this.now,
      enrolled: false,
    };
    const rules = { issuer: 'issuer', lifetime: access, preferredUsername: false, secondFactorRoles: [] };
    const claims = accessTokenClaims(facts, { sessionId, jti: `jti${++this.#serial}` }, rules);
    return claims && new VerifiedToken(claims, this.kid);
  }

  /** A token outside any session, which lives longer. */
  generate(user: string, { generated }: Lifetimes): VerifiedToken | null {
    if (this.users.get(user)?.status !== 'active') return null;
    const { roles, permissions } = this.#facts(user);
    const iat = Math.floor(this.now);
    const exp = iat + Math.min(generated, this.#keep.keepSeconds);
    const jti = `jti${++this.#serial}`;
    const claims = { iss: 'issuer', sub: user, aud: 'issuer', iat, exp, jti, client_id: CLIENT, as_of: this.#seq };
    return new VerifiedToken({ ...claims, roles, permissions }, this.kid);
  }

  setPassword(user: string): void {
    const found = this.users.get(user);
    if (!found) return;
    found.epoch++;
    this.#note(['user', user]);
  }

  setStatus(user: string, status: User['status']): void {
    const found = this.users.get(user);
    if (!found || found.status === status) return;
    found.status = status;
    if (status === 'active') return;
    found.epoch++;
    this.#note(['user', user]);
  }

  remove(user: string): void {
    this.users.delete(user);
    for (const [id, session] of this.sessions) if (session.user === user) this.sessions.delete(id);
    this.#note(['user', user]);
  }

  grantRole(user: string, role: string): void {
    const found = this.users.get(user);
    if (found && this.rolePermissions.has(role) && !found.roles.has(role)) found.roles.set(role, this.now);
  }

  takeRole(user: string, role: string): void {
    this.#leave(user, role);
    this.#note(['user_facts', user]);
  }

  takePermission(role: string, permission: string): void {
    this.rolePermissions.get(role)?.delete(permission);
    this.#note(['role_permission', `${role} ${permission}`]);
  }

  removeRole(role: string): void {
    for (const user of this.users.keys()) this.#leave(user, role);
    const permissions = [...(this.rolePermissions.get(role) ?? [])];
    this.rolePermissions.delete(role);
    this.#note(['role', role], ...permissions.map((name) => ['role_permission', `${role} ${name}`] as const));
  }

  endSession(id: string): void {
    const session = this.sessions.get(id);
    if (!session || session.revoked) return;
    session.revoked = true;
    this.#note(['session', id]);
  }

  force(scope: Scope, key: string, endSessions: boolean): void {
    const permissions = scope === 'role' ? [...(this.rolePermissions.get(key) ?? [])] : [];
    this.#note([scope, key], ...permissions.map((name) => ['role_permission', `${key} ${name}`] as const));
    if (endSessions && scope !== 'token') this.#endings.set(`${scope} ${key}`, { seq: this.#seq, at: this.now });
  }

  revokeKey(): void {
    this.#note(['signing_key', this.kid]);
    this.kid = `key${++this.#serial}`;
  }

  /** A membership that goes must not revive the sessions that an expiration of its role has ended. */
  #leave(user: string, role: string): void {
    const granted = this.users.get(user)?.roles.get(role);
    this.users.get(user)?.roles.delete(role);
    const ending = this.#endings.get(`role ${role}`);
    if (granted === undefined || !ending || granted >= ending.at) return;
    const before = this.#endings.get(`user ${user}`);
    if (!before || before.seq < ending.seq) this.#endings.set(`user ${user}`, ending);
  }

  /** One transaction's events: they share one number. */
  #note(...events: (readonly [EventKind, string])[]): void {
    this.#seq = Math.max(this.#seq + 1, Math.floor(this.now * 1e6));
    for (const [kind, key] of events) {
      const keep = kind === 'session' ? this.#keepAccess.keepSeconds : this.#keep.keepSeconds;
      const expiresAt = kind === 'signing_key' ? Infinity : this.now + keep;
      const before = this.#events.get(`${kind} ${key}`)?.expiresAt ?? 0;
      const event = { kind, key, seq: this.#seq, reason: '' };
      this.#events.set(`${kind} ${key}`, { event, expiresAt: Math.max(before, expiresAt) });
    }
  }

  /** The view live_sessions. */
  #live(id: string | undefined): Session | null {
    const session = this.sessions.get(id ?? '');
    const user = session && this.users.get(session.user);
    if (!user || session.revoked || session.expiresAt <= this.now) return null;
    if (user.status !== 'active' || user.epoch !== session.epoch) return null;
    const scopes = ['global *', `user ${session.user}`, `session ${session.id}`, `client ${CLIENT}`];
    scopes.push(...session.audience.map((audience) => `audience ${audience}`));
    if (scopes.some((scope) => (this.#endings.get(scope)?.seq ?? 0) > session.asOf)) return null;
    for (const [role, granted] of user.roles) {
      const ending = this.#endings.get(`role ${role}`);
      if (ending && ending.seq > session.asOf && granted < ending.at) return null;
    }
    return session;
  }

  #facts(user: string): { userId: string; roles: string[]; permissions: string[] } {
    const roles = [...(this.users.get(user)?.roles.keys() ?? [])].sort();
    const permissions = new Set(roles.flatMap((role) => [...(this.rolePermissions.get(role) ?? [])]));
    return { userId: user, roles, permissions: [...permissions].sort() };
  }
}

function withHashedKey(event: ValidityEvent): ValidityEvent {
  const { kind, key } = event;
  const isHashed = kind === 'user' || kind === 'user_facts' || kind === 'session' || kind === 'token';
  return isHashed ? { ...event, key: hashedKey(kind, key) } : event;
}

function uuid(n: number): string {
  return `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
}
