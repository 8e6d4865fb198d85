import { Injectable } from '@nestjs/common';
import { DataSource, In, type EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { violatedUnique } from '../common/database-errors.js';
import type { Actor } from '../common/principal.js';
import { conflict, invalidFields } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import { changeOf, isUnchanged } from '../permissions/set-change.js';
import { AudienceRecords } from './audience-records.js';
import { ClientAudience } from './client-audience.entity.js';
import { newClientId, reservedClientId } from './client-id.js';
import { ClientPermission } from './client-permission.entity.js';
import { ClientRecords, type ClientChange, type ClientWithRights } from './client-records.js';
import { ClientSecrets, type NewClientSecret } from './client-secrets.js';
import { Client } from './client.entity.js';
import type { CreateClientDto } from './clients.dto.js';
import { readRegisteredKeys } from './registered-keys.js';

export type CreatedClient = ClientWithRights & { secret?: NewClientSecret };

/**
 * What administrators do to clients. Each change locks the client's row, and the permissions and audiences that it depends on before that
 * (the order is in `PermissionsService`). That tokens end is the work of triggers.
 */
@Injectable()
export class ClientAdministration {
  constructor(
    private readonly dataSource: DataSource,
    private readonly records: ClientRecords,
    private readonly audiences: AudienceRecords,
    private readonly secrets: ClientSecrets,
    private readonly privileges: PermissionsService,
    private readonly audit: AuditService,
  ) {}

  /** @throws Problem 400, 403, 409 `client_id_taken` */
  async create(actor: Actor, given: CreateClientDto): Promise<CreatedClient> {
    const { clientId = newClientId(), name, permissions = [], audiences = [] } = given;
    const reserved = reservedClientId(clientId);
    if (reserved !== null) throw invalidFields([{ field: 'clientId', message: reserved }]);
    const jwks = given.jwks === undefined ? null : readJwks(given.jwks);
    const { withSecret = jwks === null } = given;
    try {
      return await inTransaction(this.dataSource, async (manager) => {
        await this.privileges.lockPermissions(manager, permissions);
        this.privileges.requireMayGrant(actor, permissions);
        await this.audiences.requireKnown(manager, audiences);
        await manager.insert(Client, { clientId, name, jwks: jwks as object, epoch: () => FIRST_EPOCH });
        await addPermissions(manager, clientId, permissions);
        await addAudiences(manager, clientId, audiences);
        const secret = withSecret ? await this.secrets.insert(manager, clientId) : undefined;
        const details = { name, permissions, audiences, keys: kidsOf(jwks), secretId: secret?.id };
        await this.record(manager, 'client.created', { actor, clientId }, details);
        return Object.assign(await this.records.read(manager, clientId), secret && { secret });
      });
    } catch (error) {
      if (violatedUnique(error) !== 'clients_pkey') throw error;
      throw conflict('client_id_taken', 'There is such a client already.', [
        { field: 'clientId', message: 'is taken' },
      ]);
    }
  }

  /** @throws Problem 403, 404, 412 */
  rename(change: ClientChange, name: string): Promise<ClientWithRights> {
    return this.change(change, async (manager, client) => {
      if (client.name === name) return;
      await manager.update(Client, { clientId: client.clientId }, { name });
      await this.record(manager, 'client.updated', change, { fields: ['name'], name });
    });
  }

  /** Ends every token of the client, and those that it generated. @throws Problem 403, 404, 412 */
  disable(change: ClientChange): Promise<ClientWithRights> {
    return this.setStatus(change, 'disabled', 'client.disabled');
  }

  /** @throws Problem 403, 404, 412 */
  enable(change: ClientChange): Promise<ClientWithRights> {
    return this.setStatus(change, 'active', 'client.enabled');
  }

  /** What is taken away ends the client's tokens. @throws Problem 400 for an unknown permission, 403, 404, 412 */
  setPermissions(change: ClientChange, permissions: readonly string[]): Promise<ClientWithRights> {
    return this.change(
      change,
      async (manager, { clientId, ...client }) => {
        const { added, removed } = changeOf(client.permissions, permissions);
        this.privileges.requireMayGrant(change.actor, added);
        if (isUnchanged({ added, removed })) return;
        // Deletes only what goes, since that ends tokens.
        if (removed.length > 0) await manager.delete(ClientPermission, { clientId, permissionName: In(removed) });
        await addPermissions(manager, clientId, added);
        await this.records.countUp(manager, [clientId]);
        await this.record(manager, 'client.permissions_set', change, { added, removed });
      },
      (manager) => this.privileges.lockPermissions(manager, permissions),
    );
  }

  /** What is taken away ends the client's tokens. @throws Problem 400 for an unknown audience, 403, 404, 412 */
  setAudiences(change: ClientChange, audiences: readonly string[]): Promise<ClientWithRights> {
    return this.change(
      change,
      async (manager, { clientId, ...client }) => {
        const { added, removed } = changeOf(client.audiences, audiences);
        if (isUnchanged({ added, removed })) return;
        if (removed.length > 0) await manager.delete(ClientAudience, { clientId, audience: In(removed) });
        await addAudiences(manager, clientId, added);
        await this.records.countUp(manager, [clientId]);
        await this.record(manager, 'client.audiences_set', change, { added, removed });
      },
      (manager) => this.audiences.requireKnown(manager, audiences),
    );
  }

  /** Ends the client's tokens when they are other keys than before; none at all takes them away. @throws Problem 400, 403, 404, 412 */
  async setKeys(change: ClientChange, given: readonly unknown[]): Promise<ClientWithRights> {
    const keys = readRegisteredKeys(given, 'keys');
    return this.change(change, async (manager, { clientId }) => {
      const jwks = keys.length === 0 ? null : { keys };
      const [updated] = await manager.query<[unknown[], number]>(
        'UPDATE clients SET jwks = $2 WHERE client_id = $1 AND jwks IS DISTINCT FROM $2::jsonb RETURNING client_id',
        [clientId, jwks],
      );
      if (updated.length > 0) await this.record(manager, 'client.keys_set', change, { keys: kidsOf(jwks) });
    });
  }

  /** Ends every token of the client, and those that it generated. @throws Problem 403, 404, 412 */
  async delete(change: ClientChange): Promise<void> {
    await inTransaction(this.dataSource, async (manager) => {
      const { clientId, name, permissions, audiences } = await this.records.lock(manager, change);
      await manager.delete(Client, { clientId });
      await this.record(manager, 'client.deleted', change, { name, permissions, audiences });
    });
  }

  private setStatus(change: ClientChange, status: Client['status'], action: string): Promise<ClientWithRights> {
    return this.change(change, async (manager, client) => {
      if (client.status === status) return;
      await manager.update(Client, { clientId: client.clientId }, { status });
      await this.record(manager, action, change);
    });
  }

  /** @param lockFirst takes the locks that come before the client's */
  private change(
    change: ClientChange,
    work: (manager: EntityManager, client: ClientWithRights) => Promise<void>,
    lockFirst?: (manager: EntityManager) => Promise<void>,
  ): Promise<ClientWithRights> {
    return inTransaction(this.dataSource, async (manager) => {
      await lockFirst?.(manager);
      const client = await this.records.lock(manager, change);
      await work(manager, client);
      return this.records.read(manager, client.clientId);
    });
  }

  private async record(
    manager: EntityManager,
    action: string,
    { actor, clientId }: Pick<ClientChange, 'actor' | 'clientId'>,
    details: Record<string, unknown> = {},
  ): Promise<void> {
    await this.audit.record(manager, { action, actor, target: { type: 'client', id: clientId }, details });
  }
}

/** Other than that of any client before it that had the same id and was deleted: it might still be known to somebody who is minting. */
const FIRST_EPOCH = '(extract(epoch FROM clock_timestamp()) * 1000000)::bigint';

function readJwks(given: Record<string, unknown>): Client['jwks'] {
  const { keys } = given;
  if (!Array.isArray(keys)) throw invalidFields([{ field: 'jwks.keys', message: 'must be an array' }]);
  const registered = readRegisteredKeys(keys, 'jwks.keys');
  return registered.length === 0 ? null : { keys: registered };
}

function kidsOf(jwks: Client['jwks']): string[] {
  return (jwks?.keys ?? []).map(({ kid }) => String(kid));
}

async function addPermissions(manager: EntityManager, clientId: string, names: readonly string[]): Promise<void> {
  await manager.insert(
    ClientPermission,
    names.map((permissionName) => ({ clientId, permissionName })),
  );
}

async function addAudiences(manager: EntityManager, clientId: string, audiences: readonly string[]): Promise<void> {
  await manager.insert(
    ClientAudience,
    audiences.map((audience) => ({ clientId, audience })),
  );
}
