import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import { UUID } from '../common/pagination.js';
import { LOGIN_CLIENT, type Actor } from '../common/principal.js';
import { invalidFields, notFound } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import type { ForceExpirationDto, ForcedExpirationDto, Scope } from './forced-expirations.dto.js';

/** The live sessions of each scope, `$1` being its key. The text of each is ours: a scope from a request only chooses among them. */
const SESSIONS_IN: Record<Scope, string> = {
  global: '$1::text IS NOT NULL',
  user: 'user_id = $1::uuid',
  client: 'client_id = $1',
  audience: '$1 = ANY (audience)',
  session: 'id = $1::uuid',
  role: 'user_id IN (SELECT user_id FROM user_roles WHERE role_name = $1)',
  token: '$1::text IS NULL',
};

/** Ends the tokens of a scope by one row: its trigger records the event that every verifier decides by. */
@Injectable()
export class ForcedExpirationsService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly permissions: PermissionsService,
    private readonly audit: AuditService,
  ) {}

  /** @throws Problem 400, 403 when it would end what someone with more permissions holds, 404 */
  async force(dto: ForceExpirationDto, actor: Actor): Promise<ForcedExpirationDto> {
    const { scope, reason, endSessions = true, dryRun = false } = dto;
    const key = keyOf(dto);
    return inTransaction(this.dataSource, async (manager) => {
      await this.requireRight(manager, actor, scope, key);
      if (endSessions) await this.requireMayEnd(manager, actor, scope, key);
      const counts = { sessions: await this.countSessions(manager, scope, key), tokens: 0 };
      if (dryRun) return counts;
      await manager.query(
        'INSERT INTO forced_expirations (scope, key, reason, end_sessions, requested_by) VALUES ($1, $2, $3, $4, $5)',
        [scope, key, reason, endSessions, actor.id],
      );
      await this.audit.record(manager, {
        action: 'expiration.forced',
        actor,
        target: { type: scope, id: key },
        details: { reason, endSessions, ...counts },
      });
      return counts;
    });
  }

  private async countSessions(manager: EntityManager, scope: Scope, key: string): Promise<number> {
    const [row] = await manager.query<{ sessions: number }[]>(
      `SELECT count(*)::integer AS sessions FROM live_sessions WHERE ${SESSIONS_IN[scope]}`,
      [key],
    );
    return row?.sessions ?? 0;
  }

  /** Nobody ends the sessions of someone who holds more: of a scope with many people, the actor holds whatever any of them holds. */
  private async requireMayEnd(manager: EntityManager, actor: Actor, scope: Scope, key: string): Promise<void> {
    if (scope === 'user' || scope === 'session' || scope === 'token') return;
    const held = await manager.query<{ name: string }[]>(
      `SELECT DISTINCT p.permission_name AS name FROM user_roles r JOIN role_permissions p ON p.role_name = r.role_name
       WHERE $1 <> 'role' OR r.user_id IN (SELECT user_id FROM user_roles WHERE role_name = $2)`,
      [scope, key],
    );
    this.permissions.requireMayTouch(
      actor,
      { type: scope, id: key },
      held.map(({ name }) => name),
    );
  }

  /** That the key names something, and that the actor holds at least what the person or the role holds. */
  private async requireRight(manager: EntityManager, actor: Actor, scope: Scope, key: string): Promise<void> {
    switch (scope) {
      case 'user':
        if (!(await exists(manager, 'SELECT FROM users WHERE id = $1 FOR SHARE', key))) throw notFound('user');
        await this.permissions.requireMayTouchUser(manager, actor, key);
        return;
      case 'session': {
        const [session] = await manager.query<{ userId: string }[]>(
          'SELECT user_id AS "userId" FROM live_sessions WHERE id = $1',
          [key],
        );
        if (!session) throw notFound('session');
        await this.permissions.requireMayTouchUser(manager, actor, session.userId);
        return;
      }
      case 'role': {
        const held = await this.permissions.permissionsOfRoles(manager, [key]);
        const permissions = held.get(key);
        if (!permissions) throw notFound('role');
        this.permissions.requireMayTouch(actor, { type: 'role', id: key }, permissions);
        return;
      }
      case 'client':
        if (key !== LOGIN_CLIENT) throw notFound('client');
        return;
      case 'audience':
        if (key !== this.env.issuer) throw notFound('audience');
        return;
      case 'global':
      case 'token':
    }
  }
}

function keyOf({ scope, key }: ForceExpirationDto): string {
  if (scope === 'global') {
    if (key !== undefined && key !== '*')
      throw invalidFields([{ field: 'key', message: 'must not be given for the scope global' }]);
    return '*';
  }
  if (key === undefined) throw invalidFields([{ field: 'key', message: 'is required for this scope' }]);
  if ((scope === 'user' || scope === 'session') && !UUID.test(key)) throw notFound(scope);
  return key;
}

async function exists(manager: EntityManager, query: string, key: string): Promise<boolean> {
  return (await manager.query<unknown[]>(query, [key])).length > 0;
}
