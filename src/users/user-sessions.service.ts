import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Page } from '../common/pagination.js';
import type { Actor } from '../common/principal.js';
import { notFound } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import { SessionsService, type LiveSession } from '../sessions/sessions.service.js';
import { UserRecords } from './user-records.js';

/** What administrators see of other people's sessions, and do to them: never to those of somebody who holds more than they do. */
@Injectable()
export class UserSessions {
  constructor(
    private readonly dataSource: DataSource,
    private readonly records: UserRecords,
    private readonly permissions: PermissionsService,
    private readonly sessions: SessionsService,
  ) {}

  /** @throws Problem 404 */
  async list(userId: string, limit: number, before: string | null): Promise<Page<LiveSession>> {
    await this.records.read(this.dataSource.manager, userId);
    return this.sessions.listOf(userId, limit, before);
  }

  /** False when the user has no such session that lives. @throws Problem 403, 404 */
  end(actor: Actor, userId: string, sessionId: string): Promise<boolean> {
    return inTransaction(this.dataSource, async (manager) => {
      await this.requireMayEnd(manager, actor, userId);
      return this.sessions.endIn(manager, actor, sessionId, 'ended_by_admin', userId);
    });
  }

  /** @throws Problem 403, 404 */
  async endAll(actor: Actor, userId: string): Promise<void> {
    await inTransaction(this.dataSource, async (manager) => {
      await this.requireMayEnd(manager, actor, userId);
      await this.sessions.endAllIn(manager, actor, userId, 'ended_by_admin');
    });
  }

  /** With the user's row locked against a change of roles until the commit. */
  private async requireMayEnd(manager: EntityManager, actor: Actor, userId: string): Promise<void> {
    const found = await manager.query<unknown[]>('SELECT FROM users WHERE id = $1 FOR SHARE', [userId]);
    if (found.length === 0) throw notFound('user');
    await this.permissions.requireMayTouchUser(manager, actor, userId);
  }
}
