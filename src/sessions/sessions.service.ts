import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import { pageOf, type Page } from '../common/pagination.js';
import { SYSTEM, type Actor } from '../common/principal.js';
import { secretsEqual } from '../common/secrets.js';
import { ServerSecrets } from '../common/server-secrets.js';
import { prepared } from '../database/prepared.js';
import { inTransaction } from '../database/transaction.js';
import { deviceName } from './device-name.js';
import { callOffAddressChange } from './pending-address-change.js';
import { decideRefresh } from './refresh-rotation.js';
import { INSPECT, ROTATE, STATE } from './refresh-statements.js';
import {
  decodeRefreshToken,
  encodeRefreshToken,
  firstRefreshToken,
  refreshTokenHash,
  successorOf,
  type RefreshToken,
  type RefreshTokenKeys,
} from './refresh-token.js';
import { lifetimesOf, type SessionLifetimes } from './session-lifetime.js';
import { makeRoom } from './session-limit.js';

/** What a login proved: read by one statement, together with the password hash that was checked. */
export interface SessionStart {
  userId: string;
  sessionEpoch: string;
  asOf: string;
  /** The methods by which the user proved who they are (RFC 8176). */
  amr: readonly string[];
  /** When they did, seconds since 1970; null: now. */
  authTime: number | null;
  clientId: string;
  audience: string[];
  userAgent: string | null;
  address: string | null;
}

export interface StartedSession {
  sessionId: string;
  refreshToken: string;
}

export interface LiveSession {
  id: string;
  clientId: string;
  audience: string[];
  device: string | null;
  userAgent: string | null;
  address: string | null;
  createdAt: Date;
  lastUsedAt: Date;
  expiresAt: Date;
  endsAt: Date | null;
}

/** The session for which a refresh token could get new tokens now. */
export interface RefreshableSession {
  sessionId: string;
  userId: string;
  clientId: string;
  audience: string[];
  createdAt: Date;
  expiresAt: Date;
}

/** Why a session ended, as its row and the audit trail say. */
export type SessionEnd =
  | 'logout'
  | 'logout_all'
  | 'logged_in_again'
  | 'ended_by_user'
  | 'ended_by_admin'
  | 'refresh_token_reused'
  | 'refresh_token_revoked';

@Injectable()
export class SessionsService {
  private readonly keys: RefreshTokenKeys;
  private readonly lifetimes: SessionLifetimes;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly audit: AuditService,
    secrets: ServerSecrets,
  ) {
    this.lifetimes = lifetimesOf(env);
    this.keys = { successor: secrets.get('refresh-token-successor'), mac: secrets.get('refresh-token-mac') };
  }

  /**
   * Starts a session from what was read with the password hash. If the credentials have changed since, the session is never live: the epoch
   * it stores is not the user's any more. Where a user has as many sessions as they may, the one that was used longest ago ends.
   */
  async start(manager: EntityManager, start: SessionStart): Promise<StartedSession> {
    await this.makeRoom(manager, start);
    const sessionId = uuidv7();
    const token = firstRefreshToken(sessionId);
    await manager.query(
      `INSERT INTO sessions (id, user_id, session_epoch, started_as_of, client_id, audience, refresh_hash, user_agent, address, amr,
         auth_time, expires_at, ends_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, to_timestamp($11::float8),
         clock_timestamp() + make_interval(secs => least($12, $13::float8)), clock_timestamp() + make_interval(secs => $13::float8))`,
      [
        sessionId,
        start.userId,
        start.sessionEpoch,
        start.asOf,
        start.clientId,
        start.audience,
        refreshTokenHash(token),
        start.userAgent,
        start.address,
        start.amr,
        start.authTime,
        this.lifetimes.idle,
        this.lifetimes.max,
      ],
    );
    return { sessionId, refreshToken: encodeRefreshToken(token, this.keys) };
  }

  /**
   * Uses up a refresh token and gives its successor, or null where there is none to give. One statement rotates: of several requests with
   * one token the first wins its row, and the others find that it has been used a moment ago and get the same successor. That of a login without
   * the second factor that its user has or must have by now is refused, and not used up.
   */
  async refresh(text: string, actor: Actor): Promise<StartedSession | null> {
    const token = decodeRefreshToken(text, this.keys);
    if (!token) return null;
    const next = successorOf(token, this.keys);
    if (await this.rotate(token, next)) return this.issued(next);

    const state = await this.stateOf(token.sessionId);
    if (!state) return null;
    switch (decideRefresh(token.generation, state, state.now, this.env.refreshGraceSeconds)) {
      case 'repeat':
        return this.issued(next);
      case 'reuse':
        await this.endReused(token.sessionId, state.userId, actor);
        return null;
      case 'rotate': // Its hash is not the stored one: no token that this database issued.
      case 'unknown':
        return null;
    }
  }

  /** The session of an authentic refresh token, whatever has become of it; else null. */
  sessionOf(refreshToken: string): string | null {
    return decodeRefreshToken(refreshToken, this.keys)?.sessionId ?? null;
  }

  /** What a refresh token stands for, or null when `refresh` would give nothing for it. Nothing is used up, and nothing concluded from it. */
  async inspect(text: string): Promise<RefreshableSession | null> {
    const token = decodeRefreshToken(text, this.keys);
    if (!token) return null;
    const [state] = await prepared<RefreshableSession & LiveRefreshState & { hash: Buffer }>(
      this.dataSource,
      this.env,
      'session_inspect',
      INSPECT,
      [token.sessionId, this.env.mfaRequiredRoles],
    );
    if (!state) return null;
    const { sessionId, userId, clientId, audience, createdAt, expiresAt } = state;
    const decision = decideRefresh(token.generation, state, state.now, this.env.refreshGraceSeconds);
    const usable = decision === 'rotate' ? secretsEqual(state.hash, refreshTokenHash(token)) : decision === 'repeat';
    return usable ? { sessionId, userId, clientId, audience, createdAt, expiresAt } : null;
  }

  /** The epoch of the credentials that a session was begun with; null when it is not live. */
  async epochOfLive(sessionId: string): Promise<string | null> {
    const [row] = await this.dataSource.query<{ epoch: string }[]>(
      'SELECT session_epoch AS epoch FROM live_sessions WHERE id = $1',
      [sessionId],
    );
    return row?.epoch ?? null;
  }

  /** Whether the session of a refresh token has not ended, whatever that token is still good for. */
  async isLive(refreshToken: string): Promise<boolean> {
    const sessionId = this.sessionOf(refreshToken);
    return sessionId !== null && (await this.epochOfLive(sessionId)) !== null;
  }

  /** Keeps a session from being ended until the transaction is; false when it has ended. To be asked with the user's row locked, if at all. */
  async holdLive(manager: EntityManager, sessionId: string): Promise<boolean> {
    await manager.query('SELECT FROM sessions WHERE id = $1 FOR SHARE', [sessionId]);
    const live = await manager.query<unknown[]>('SELECT FROM live_sessions WHERE id = $1', [sessionId]);
    return live.length > 0;
  }

  /** A user's live sessions, newest first. */
  async listOf(userId: string, limit: number, before: string | null): Promise<Page<LiveSession>> {
    const rows = await this.dataSource.query<Omit<LiveSession, 'device'>[]>(
      `SELECT id, client_id AS "clientId", audience, user_agent AS "userAgent", address, created_at AS "createdAt",
         last_used_at AS "lastUsedAt", expires_at AS "expiresAt",
         (SELECT ends_at FROM sessions s WHERE s.id = l.id) AS "endsAt"
       FROM live_sessions l WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
      [userId, before, limit + 1],
    );
    const sessions = rows.map((session) => ({ ...session, device: deviceName(session.userAgent) }));
    return pageOf(sessions, limit, (session) => session.id);
  }

  /** Ends one session; with `userId`, only if it is that user's. Its tokens end with the commit. False when there is none to end. */
  end(actor: Actor, sessionId: string, end: SessionEnd, userId?: string): Promise<boolean> {
    return inTransaction(this.dataSource, (manager) => this.endIn(manager, actor, sessionId, end, userId));
  }

  /** The same, in a transaction under way. */
  async endIn(
    manager: EntityManager,
    actor: Actor,
    sessionId: string,
    end: SessionEnd,
    userId?: string,
  ): Promise<boolean> {
    const [ended] = await this.revoke(manager, end, 'id = $2 AND ($3::uuid IS NULL OR user_id = $3)', [
      sessionId,
      userId ?? null,
    ]);
    if (ended === undefined) return false;
    await this.recordEnd(manager, actor, sessionId, { reason: end, userId: ended.userId });
    return true;
  }

  /** Ends all sessions of a user, and calls off the change of address that one of them may have asked for. */
  endAll(actor: Actor, userId: string, end: SessionEnd): Promise<number> {
    return inTransaction(this.dataSource, (manager) => this.endAllIn(manager, actor, userId, end));
  }

  /** The same, in a transaction under way. */
  async endAllIn(manager: EntityManager, actor: Actor, userId: string, end: SessionEnd): Promise<number> {
    await manager.query('SELECT FROM users WHERE id = $1 FOR SHARE', [userId]);
    const ended = await this.revoke(manager, end, 'user_id = $2 AND expires_at > clock_timestamp()', [userId]);
    await callOffAddressChange(manager, userId);
    const target = { type: 'user', id: userId };
    await this.audit.record(manager, {
      action: 'sessions.ended',
      actor,
      target,
      details: { reason: end, sessions: ended.length },
    });
    return ended.length;
  }

  private async makeRoom(manager: EntityManager, start: SessionStart): Promise<void> {
    const limit = this.env.maxSessionsPerUser;
    if (limit === null) return;
    for (const sessionId of await makeRoom(manager, start, limit)) {
      await this.recordEnd(manager, SYSTEM, sessionId, { reason: 'session_limit', userId: start.userId });
    }
  }

  private async recordEnd(
    manager: EntityManager,
    actor: Actor,
    sessionId: string,
    details: { reason: string; userId: string },
  ): Promise<void> {
    await this.audit.record(manager, {
      action: 'session.ended',
      actor,
      target: { type: 'session', id: sessionId },
      details,
    });
  }

  private async revoke(
    manager: EntityManager,
    end: SessionEnd,
    which: string,
    values: unknown[],
  ): Promise<{ userId: string }[]> {
    const [rows] = await manager.query<[{ userId: string }[], number]>(
      `UPDATE sessions SET revoked_at = clock_timestamp(), revoked_reason = $1 WHERE revoked_at IS NULL AND ${which}
       RETURNING user_id AS "userId"`,
      [end, ...values],
    );
    return rows;
  }

  private async rotate(token: RefreshToken, next: RefreshToken): Promise<boolean> {
    const rows = await prepared<{ id: string }>(this.dataSource, this.env, 'session_rotate', ROTATE, [
      token.sessionId,
      token.generation,
      refreshTokenHash(token),
      refreshTokenHash(next),
      this.lifetimes.idle,
      this.env.refreshGraceSeconds,
      this.lifetimes.max,
      this.env.mfaRequiredRoles,
    ]);
    return rows.length === 1;
  }

  private async stateOf(sessionId: string): Promise<LiveRefreshState | null> {
    const rows = await prepared<LiveRefreshState>(this.dataSource, this.env, 'session_refresh_state', STATE, [
      sessionId,
    ]);
    return rows[0] ?? null;
  }

  private async endReused(sessionId: string, userId: string, actor: Actor): Promise<void> {
    await inTransaction(this.dataSource, async (manager) => {
      const ended = await this.revoke(manager, 'refresh_token_reused', 'id = $2', [sessionId]);
      if (ended.length === 0) return;
      await this.audit.record(manager, {
        action: 'refresh_token.reused',
        outcome: 'denied',
        actor,
        target: { type: 'session', id: sessionId },
        details: { userId },
      });
    });
  }

  private issued(token: RefreshToken): StartedSession {
    return { sessionId: token.sessionId, refreshToken: encodeRefreshToken(token, this.keys) };
  }
}

interface LiveRefreshState {
  userId: string;
  generation: number;
  uses: Date[];
  now: Date;
}
