import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import type { Actor } from '../../common/principal.js';
import { forbidden, notFound } from '../../common/problem.js';
import { inTransaction } from '../../database/transaction.js';
import { PermissionsService } from '../../permissions/permissions.service.js';
import { SecurityNotices } from '../../users/security-notices.js';
import type { FactorsDto } from './mfa.dto.js';
import { SecondFactors } from './second-factors.service.js';

/** What administrators do for people who have lost their factors. */
@Injectable()
export class FactorReset {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly factors: SecondFactors,
    private readonly permissions: PermissionsService,
    private readonly notices: SecurityNotices,
    private readonly audit: AuditService,
  ) {}

  /** No secret is among it. @throws Problem 403, 404 */
  async list(actor: Actor, userId: string): Promise<FactorsDto> {
    const { manager } = this.dataSource;
    const standing = await this.factors.standingOf(userId);
    if (!standing) throw notFound('user');
    await this.permissions.requireMayTouchUser(manager, actor, userId);
    return { items: await this.factors.listOf(userId), recoveryCodesLeft: standing.recoveryCodes };
  }

  /**
   * Takes all factors of a user away, which ends every session and token of theirs. Where there are none nothing happens.
   *
   * @throws Problem 403, 404
   */
  async reset(actor: Actor, userId: string): Promise<void> {
    // Or whoever steals an administrator's token could get rid of the factor.
    if (actor.id === userId) {
      throw forbidden('Your own factors are removed at /v1/auth/mfa/factors, which asks for a login made just now.');
    }
    await inTransaction(this.dataSource, async (manager) => {
      if (!(await this.factors.lockUser(manager, userId))) throw notFound('user');
      await this.permissions.requireMayTouchUser(manager, actor, userId);
      const removed = await this.factors.removeAll(manager, userId);
      if (removed === 0) return;
      const target = { type: 'user', id: userId };
      await this.audit.record(manager, { action: 'factors.reset', actor, target, details: { removed } });
      await this.notices.tell(manager, { notice: 'factors-reset', userId, actor });
    });
  }
}
