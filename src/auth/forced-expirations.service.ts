import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import { AudiencesService } from '../clients/audiences.service.js';
import { ClientDirectory } from '../clients/client-directory.js';
import { UUID } from '../common/pagination.js';
import { LOGIN_CLIENT } from '../common/login-client.js';
import type { Actor } from '../common/principal.js';
import { invalidFields, notFound } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import type { Scope } from './expiration-scopes.js';
import type { ForceExpirationDto, ForcedExpirationDto } from './forced-expirations.dto.js';

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

/** The recorded tokens of each scope, as their claims say. */
const TOKENS_IN: Record<Scope, string> = {
  global: '$1::text IS NOT NULL',
  user: 'subject = $1',
  client: 'client_id = $1',
  audience: 'audience = $1',
  session: '$1::text IS NULL',
  role: '$1 = ANY (roles)',
  token: 'jti = $1',
};

/** Ends the tokens of a scope by one row: its trigger records the event that every verifier decides by. */
@Injectable()
export class ForcedExpirationsService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly permissions: PermissionsService,
    private readonly clients: ClientDirectory,
    private readonly audiences: AudiencesService,
    private readonly audit: AuditService,
  ) {}

  /** @throws Problem 400, 403 when it would end what someone with more permissions holds, 404 */
  async force(dto: ForceExpirationDto, actor: Actor): Promise<ForcedExpirationDto> {
    const { scope, reason, endSessions = true, dryRun = false } = dto;
    const key = keyOf(dto);
    return inTransaction(this.dataSource, async (manager) => {
      await this.requireRight(manager, actor, scope, key);
      if (endSessions) await this.requireMayEnd(manager, actor, scope, key);
      const counts = await countIn(manager, scope, key);
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

  /** Nobody ends the sessions of someone who holds more: of a scope with many people, the actor holds whatever any of them holds. */
  private async requireMayEnd(manager: EntityManager, actor: Actor, scope: Scope, key: string): Promise<void> {
    if (scope === 'user' || scope === 'session' || scope === 'token') return;
    // Only logins begin sessions.
    if (scope === 'client' && key !== LOGIN_CLIENT) return;
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

  /** That the key names something, and that the actor holds at least what the person, the role or the client holds. */
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
      case 'client': {
        if (key === LOGIN_CLIENT) return;
        const held = await this.clients.permissionsOf(manager, key);
        if (!held) throw notFound('client');
        this.permissions.requireMayTouch(actor, { type: 'client', id: key }, held);
        return;
      }
      case 'audience':
        if (key !== this.env.issuer && !(await this.audiences.get(key, manager))) throw notFound('audience');
        return;
      case 'token':
        // Most tokens are not recorded, and whose they are cannot be known.
        for (const { subject } of await manager.query<{ subject: string }[]>(RECORDED, [key])) {
          const held = UUID.test(subject)
            ? await this.permissions.permissionsOfUser(manager, subject)
            : await this.clients.permissionsOf(manager, subject);
          this.permissions.requireMayTouch(actor, { type: 'token', id: key }, held ?? []);
        }
        return;
      case 'global':
    }
  }
}

const RECORDED = 'SELECT subject FROM generated_tokens WHERE jti = $1';

async function countIn(
  manager: EntityManager,
  scope: Scope,
  key: string,
): Promise<{ sessions: number; tokens: number }> {
  const count = async (from: string): Promise<number> => {
    const [row] = await manager.query<{ count: number }[]>(`SELECT count(*)::integer AS count FROM ${from}`, [key]);
    return row?.count ?? 0;
  };
  const live = 'revoked_at IS NULL AND expires_at > clock_timestamp()';
  return {
    sessions: await count(`live_sessions WHERE ${SESSIONS_IN[scope]}`),
    tokens: await count(`generated_tokens WHERE ${live} AND ${TOKENS_IN[scope]}`),
  };
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
