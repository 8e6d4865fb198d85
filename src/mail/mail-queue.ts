import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Actor } from '../common/principal.js';
import { unavailable } from '../common/problem.js';
import { waitAfter } from './mail-retry.js';

/** Beyond that, nobody is promised another mail: while the mail server is away, a flood of requests must not fill the disk. */
const MOST_WAITING = 10_000;

/** Of one kind, for one address of one user. Not fewer: whoever is in an account must not be able to hide one act behind the next. */
const MOST_NOTICES = 5;

/** What somebody asks to be mailed. */
export interface MailRequest {
  /** Which writer (`MailWriters`) says what the mail is. */
  kind: string;
  /** A user, or an address that somebody typed. */
  about: { userId: string } | { email: string };
  /** What the writer is to know. No secrets, and no `to`, by which notices are known. */
  details?: Record<string, unknown>;
  actor: Actor;
}

/** What somebody is to be told about their account. */
export interface NoticeRequest {
  kind: string;
  userId: string;
  /** That of the account when it happened: by the time that the mail is sent, there may be another one. */
  to: string;
  actor: Actor;
}

/** A request whose turn it is. */
export interface DueMail {
  id: string;
  kind: string;
  userId: string | null;
  email: string | null;
  details: Record<string, unknown>;
  requestedBy: Actor;
  requestedAt: Date;
  /** From 1. */
  attempt: number;
}

/**
 * Mails that are to be sent, in the database: asked for in the transaction of what they are about, so that there is both or neither, and gone when they are
 * sent. Of whom an address is, and of tokens, it knows nothing.
 */
@Injectable()
export class MailQueue {
  /**
   * Takes the same time whoever an address belongs to. Wake the `MailWorker` after the commit.
   *
   * @throws Problem 503 when too many mails wait already
   */
  async add(manager: EntityManager, { kind, about, details = {}, actor }: MailRequest): Promise<void> {
    const { userId, email } = { userId: null, email: null, ...about };
    const added = await manager.query<unknown[]>(
      `INSERT INTO mail_requests (kind, user_id, email, details, requested_by)
       SELECT $1, $2::uuid, $3, $4, $5
       WHERE (SELECT count(*) FROM (SELECT FROM mail_requests WHERE NOT details ? 'to' LIMIT $6) waiting) < $6
       RETURNING id`,
      [kind, userId, email, JSON.stringify(details), requesterOf(actor), MOST_WAITING],
    );
    if (added.length === 0) throw unavailable('Too many mails wait to be sent.', 60);
  }

  /**
   * For what somebody must not miss: there is room for it however many mails wait, and it takes none from them. Strangers cannot cause it. Where too many of
   * its kind wait for the same address already, it takes the place of the latest: the first ones are sent, and the last one.
   */
  async addNotice(manager: EntityManager, { kind, userId, to, actor }: NoticeRequest): Promise<void> {
    await manager.query(
      `DELETE FROM mail_requests WHERE id = (SELECT CASE WHEN count(*) >= $4 THEN max(id) END FROM mail_requests
         WHERE user_id = $1 AND kind = $2 AND details ->> 'to' = $3)`,
      [userId, kind, to, MOST_NOTICES],
    );
    await manager.query('INSERT INTO mail_requests (kind, user_id, details, requested_by) VALUES ($1, $2, $3, $4)', [
      kind,
      userId,
      JSON.stringify({ to }),
      requesterOf(actor),
    ]);
  }

  /**
   * The next request whose turn it is, if any. From now on it is due again only after a while: longer than sending takes, so that nobody else sends it as
   * well, and no later than it should be tried again if this process dies or sending fails.
   */
  async claim(manager: EntityManager, kinds: readonly string[]): Promise<DueMail | null> {
    const [due] = await manager.query<(Omit<DueMail, 'attempt' | 'requestedBy'> & Claimed)[]>(
      `SELECT id, kind, user_id AS "userId", email, details, requested_by AS "requestedBy", created_at AS "requestedAt", attempts
       FROM mail_requests
       WHERE due_at <= clock_timestamp() AND kind = ANY ($1) ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
      [kinds],
    );
    if (!due) return null;
    const { attempts, requestedBy, ...rest } = due;
    const attempt = attempts + 1;
    await manager.query(
      'UPDATE mail_requests SET attempts = $2, due_at = clock_timestamp() + make_interval(secs => $3) WHERE id = $1',
      [due.id, attempt, waitAfter(attempt)],
    );
    return { ...rest, requestedBy: { ...requestedBy, permissions: new Set() }, attempt };
  }

  /** Whether a request still stands: it may have been called off after it was claimed. */
  async stands(manager: EntityManager, { id }: DueMail): Promise<boolean> {
    return (await manager.query<unknown[]>('SELECT FROM mail_requests WHERE id = $1', [id])).length > 0;
  }

  async remove(manager: EntityManager, { id }: DueMail): Promise<void> {
    await manager.query('DELETE FROM mail_requests WHERE id = $1', [id]);
  }
}

/** As it is stored: what an actor may do is no matter any more when the mail is sent. */
function requesterOf({ type, id, sessionId, requestId, address }: Actor): string {
  return JSON.stringify({ type, id, sessionId, requestId, address });
}

interface Claimed {
  attempts: number;
  requestedBy: Omit<Actor, 'permissions'>;
}
