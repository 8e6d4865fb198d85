import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository } from 'typeorm';
import type { Actor } from '../common/principal.js';
import { decodeCursor, pageOf, type Page } from '../common/pagination.js';
import { AuditEvent, type AuditOutcome } from './audit-event.entity.js';
import type { AuditQuery } from './audit.dto.js';

/** One line of the trail. `details` holds names and counts, never a secret, a password, a token or a hash. */
export interface AuditEntry {
  action: string;
  outcome?: AuditOutcome;
  actor: Actor;
  target?: { type: string; id: string };
  details?: Record<string, unknown>;
}

@Injectable()
export class AuditService {
  constructor(@InjectRepository(AuditEvent) private readonly events: Repository<AuditEvent>) {}

  /** Writes in the transaction of the change: both are there or neither. */
  async record(
    manager: EntityManager,
    { action, outcome = 'success', actor, target, details = {} }: AuditEntry,
  ): Promise<void> {
    await manager.insert(AuditEvent, {
      action,
      outcome,
      actorType: actor.type,
      actorId: actor.id,
      sessionId: actor.sessionId,
      targetType: target?.type ?? null,
      targetId: target?.id ?? null,
      requestId: actor.requestId,
      address: actor.address,
      details: details as object,
    });
  }

  /** A refused attempt: nothing changed, so there is no transaction to be part of. */
  async recordRefusal(entry: AuditEntry & { outcome: 'failure' | 'denied' }): Promise<void> {
    await this.record(this.events.manager, entry);
  }

  /** Newest first. */
  async list(query: AuditQuery): Promise<Page<AuditEvent>> {
    const before = decodeCursor(query.cursor, /^\d{1,18}$/);
    const events = this.events
      .createQueryBuilder('e')
      .orderBy('e.id', 'DESC')
      .limit(query.limit + 1);
    if (before !== null) events.andWhere('e.id < :before', { before });
    if (query.action !== undefined) events.andWhere('e.action = :action', { action: query.action });
    if (query.outcome !== undefined) events.andWhere('e.outcome = :outcome', { outcome: query.outcome });
    if (query.actorId !== undefined) events.andWhere('e.actorId = :actorId', { actorId: query.actorId });
    if (query.targetId !== undefined) events.andWhere('e.targetId = :targetId', { targetId: query.targetId });
    if (query.from !== undefined) events.andWhere('e.at >= :from', { from: query.from });
    if (query.to !== undefined) events.andWhere('e.at < :to', { to: query.to });
    return pageOf(await events.getMany(), query.limit, (event) => event.id);
  }
}
