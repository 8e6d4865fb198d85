import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Actor } from '../common/principal.js';
import { unavailable } from '../common/problem.js';
import { waitAfter } from './mail-retry.js';

/** Beyond that, nobody is promised another mail: while the mail server is away, a flood of requests must not fill the disk. */
const MOST_WAITING = 10_000;

/** What somebody asks to be mailed. */
export interface MailRequest {
  /** Which writer (`MailWriters`) says what the mail is. */
  kind: string;
  /** A user, or an address that somebody typed. */
  about: { userId: string } | { email: string };
  /** What the writer is to know. No secrets. */
  details?: Record<string, unknown>;
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
  async add(manager: EntityManager, request: MailRequest): Promise<void> {
    if (!(await this.offer(manager, request))) throw unavailable('Too many mails wait to be sent.', 60);
  }

  /** As `add`, for a mail that is not what the transaction is about. @returns whether there was room */
  async offer(manager: EntityManager, { kind, about, details = {}, actor }: MailRequest): Promise<boolean> {
    const { userId, email } = { userId: null, email: null, ...about };
    const { type, id, sessionId, requestId, address } = actor;
    const added = await manager.query<unknown[]>(
      `INSERT INTO mail_requests (kind, user_id, email, details, requested_by)
       SELECT $1, $2::uuid, $3, $4, $5 WHERE (SELECT count(*) FROM (SELECT FROM mail_requests LIMIT $6) waiting) < $6
       RETURNING id`,
      [
        kind,
        userId,
        email,
        JSON.stringify(details),
        JSON.stringify({ type, id, sessionId, requestId, address }),
        MOST_WAITING,
      ],
    );
    return added.length === 1;
  }

  /**
   * The next request whose turn it is, if any. From now on it is due again only after a while: longer than sending takes, so that nobody else sends it as
   * well, and no later than it should be tried again if this process dies or sending fails.
   */
  async claim(manager: EntityManager, kinds: readonly string[]): Promise<DueMail | null> {
    const [due] = await manager.query<(Omit<DueMail, 'attempt' | 'requestedBy'> & Claimed)[]>(
      `SELECT id, kind, user_id AS "userId", email, details, requested_by AS "requestedBy", attempts FROM mail_requests
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

  async remove(manager: EntityManager, { id }: DueMail): Promise<void> {
    await manager.query('DELETE FROM mail_requests WHERE id = $1', [id]);
  }
}

interface Claimed {
  attempts: number;
  requestedBy: Omit<Actor, 'permissions'>;
}
