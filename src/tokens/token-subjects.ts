import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ClientDirectory } from '../clients/client-directory.js';
import { UUID } from '../common/pagination.js';
import { LOGIN_CLIENT } from '../common/login-client.js';
import type { Actor } from '../common/principal.js';
import { forbidden, invalidFields, invalidToken, type Problem } from '../common/problem.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import type { RecordedToken } from './generated-token-claims.js';

/** Whom a token is about, and in whose name it is issued. */
export type TokenSubject = Pick<RecordedToken, 'subject' | 'subjectKind' | 'clientId'>;

interface Party {
  kind: 'user' | 'client';
  id: string;
  active: boolean;
}

/** Finds out whom a generated token is about, and whether whoever generates it may speak for them. */
@Injectable()
export class TokenSubjects {
  constructor(
    private readonly permissions: PermissionsService,
    private readonly clients: ClientDirectory,
  ) {}

  /**
   * The generator and the subject stay as they are until the transaction ends, so that whoever disables one of them finds the token. To speak for
   * someone else is to touch them: it takes all that they hold.
   *
   * @param wanted null: the token is about whoever generates it
   * @param forIssuer whether this service itself would accept the token; it knows nobody but users and clients
   * @throws Problem 400 for a subject that cannot be one, 401 when the generator is not active any more, 403
   */
  async resolve(
    manager: EntityManager,
    actor: Actor,
    wanted: string | null,
    { forIssuer }: { forIssuer: boolean },
  ): Promise<TokenSubject> {
    const id = wanted ?? actor.id;
    if (id === null) throw wrongSubject('is required');
    const parties = await lockParties(manager, actor.id === null ? [id] : [actor.id, id]);
    requireActive(actor, parties);
    const party = parties.find((found) => isSame(found.id, id));
    const clientId = actor.type === 'client' && actor.id !== null ? actor.id : LOGIN_CLIENT;
    if (!party) {
      const message = forIssuer ? 'is neither a user nor a client' : problemOfOther(id);
      if (message !== null) throw wrongSubject(message);
      return { subject: id, subjectKind: 'other', clientId };
    }
    if (!party.active) throw wrongSubject('is disabled');
    if (party.kind !== actor.type || party.id !== actor.id) await this.requireMaySpeakFor(manager, actor, party);
    return { subject: party.id, subjectKind: party.kind, clientId: party.kind === 'client' ? party.id : clientId };
  }

  private async requireMaySpeakFor(manager: EntityManager, actor: Actor, { kind, id }: Party): Promise<void> {
    if (kind === 'user') {
      await this.permissions.requireMayTouchUser(manager, actor, id);
      return;
    }
    this.permissions.requireMayTouch(actor, { type: 'client', id }, await this.clients.heldBy(manager, id));
  }
}

/** Users before clients, each by their ids: so no two transactions wait for each other. */
async function lockParties(manager: EntityManager, ids: readonly string[]): Promise<Party[]> {
  const users = await manager.query<{ id: string; active: boolean }[]>(
    `SELECT id, status = 'active' AS active FROM users WHERE id = ANY ($1::uuid[]) ORDER BY id FOR SHARE`,
    [ids.filter((id) => UUID.test(id))],
  );
  const clients = await manager.query<{ id: string; active: boolean }[]>(
    `SELECT client_id AS id, status = 'active' AS active FROM clients WHERE client_id = ANY ($1) ORDER BY client_id FOR SHARE`,
    [ids],
  );
  return [
    ...users.map((user): Party => ({ kind: 'user', ...user })),
    ...clients.map((client): Party => ({ kind: 'client', ...client })),
  ];
}

function requireActive(actor: Actor, parties: readonly Party[]): void {
  if (actor.type === 'system') return;
  const generator = parties.find(({ kind, id }) => kind === actor.type && id === actor.id);
  if (!generator?.active) throw generatorEnded();
}

export const generatorEnded = (): Problem =>
  invalidToken('What gave the right to generate tokens has ended meanwhile.');

/** Of two spellings of a user's id one stands in the database, and in every event about the user. */
function isSame(id: string, wanted: string): boolean {
  return id === wanted || (UUID.test(wanted) && id === wanted.toLowerCase());
}

/** What forbids a subject that is nobody here; null when nothing does. */
function problemOfOther(subject: string): string | null {
  if (UUID.test(subject)) return 'has the form of a user’s id, and there is no such user';
  return subject.toLowerCase() === LOGIN_CLIENT ? 'is the name of this service itself' : null;
}

function wrongSubject(message: string): Problem {
  return invalidFields([{ field: 'subject', message }]);
}

/**
 * A client has tokens for its own audiences alone, by whichever way.
 *
 * @throws Problem 403
 */
export async function requireOwnAudience(manager: EntityManager, actor: Actor, audience: string): Promise<void> {
  if (actor.type !== 'client') return;
  const own = await manager.query<unknown[]>('SELECT FROM client_audiences WHERE client_id = $1 AND audience = $2', [
    actor.id,
    audience,
  ]);
  if (own.length === 0) throw forbidden('This audience is none of those that the client may have tokens for.');
}
