import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { ClientDirectory } from '../clients/client-directory.js';
import { UUID, decodeCursor, pageOf, type Page } from '../common/pagination.js';
import type { Actor } from '../common/principal.js';
import { notFound } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import { GeneratedToken } from './generated-token.entity.js';
import type { GeneratedTokensQuery } from './generated-tokens.dto.js';
import { isNames } from './token-permissions.js';

/** A moment to the microsecond, which is more than a Date holds, and the jti. */
const CURSOR = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [\w-]{1,64}$/;

/** The generated tokens that are on record: found, and revoked one by one. */
@Injectable()
export class TokenRegister {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly permissions: PermissionsService,
    private readonly clients: ClientDirectory,
    private readonly audit: AuditService,
  ) {}

  /** Newest first. */
  async list({ limit, cursor, subject, audience, active }: GeneratedTokensQuery): Promise<Page<GeneratedToken>> {
    const before = decodeCursor(cursor, CURSOR);
    const query = this.dataSource
      .createQueryBuilder(GeneratedToken, 't')
      .addSelect(`to_char(t.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`, 'position')
      .orderBy('t.createdAt', 'DESC')
      .addOrderBy('t.jti', 'DESC')
      .limit(limit + 1);
    if (before !== null) {
      const [position, jti] = before.split(' ');
      query.andWhere('(t.created_at, t.jti) < (:position::timestamptz, :jti)', { position, jti });
    }
    if (subject !== undefined) query.andWhere('t.subject = :subject', { subject: canonical(subject) });
    if (audience !== undefined) query.andWhere('t.audience = :audience', { audience });
    if (active !== undefined) {
      const alive = '(t.revoked_at IS NULL AND t.expires_at > clock_timestamp())';
      query.andWhere(active === 'true' ? alive : `NOT ${alive}`);
    }
    const { raw, entities } = await query.getRawAndEntities<{ position: string }>();
    const rows = entities.map((token, index) => ({ token, position: raw[index]?.position ?? '' }));
    const { items, nextCursor } = pageOf(rows, limit, ({ token, position }) => `${position} ${token.jti}`);
    return { items: items.map(({ token }) => token), nextCursor };
  }

  /**
   * From the commit on the token is refused everywhere. One that was revoked before, or has expired, stays as it is. What one generated oneself
   * one may take back; of another's token one must hold what it permits and what its subject holds, as for ending a session of theirs.
   *
   * @throws Problem 403, 404
   */
  async revoke(actor: Actor, jti: string): Promise<void> {
    await inTransaction(this.dataSource, async (manager) => {
      const token = await manager.findOne(GeneratedToken, { where: { jti }, lock: { mode: 'pessimistic_write' } });
      if (!token) throw notFound('token');
      if (token.generatedByType !== actor.type || token.generatedBy !== actor.id)
        await this.requireMayTouch(manager, actor, token);
      const [, revoked] = await manager.query<[unknown[], number]>(
        `UPDATE generated_tokens SET revoked_at = clock_timestamp(), revoked_by = $2
         WHERE jti = $1 AND revoked_at IS NULL AND expires_at > clock_timestamp()`,
        [jti, actor.id],
      );
      if (revoked === 0) return;
      const { subject, audience } = token;
      await this.audit.record(manager, {
        action: 'token.revoked',
        actor,
        target: { type: 'token', id: jti },
        details: { subject, audience },
      });
    });
  }

  private async requireMayTouch(manager: EntityManager, actor: Actor, token: GeneratedToken): Promise<void> {
    const { jti, subject, permissions } = token;
    const ofSubject = UUID.test(subject) ? await this.permissions.permissionsOfUser(manager, subject) : [];
    const ofClient = await this.clients.heldBy(manager, subject);
    const named = permissions !== null && isNames(permissions) ? permissions : [];
    const held = [...named, ...ofSubject, ...ofClient];
    this.permissions.requireMayTouch(actor, { type: 'token', id: jti }, held);
  }
}

/** The id of a user in the one spelling that is on record. */
function canonical(subject: string): string {
  return UUID.test(subject) ? subject.toLowerCase() : subject;
}
