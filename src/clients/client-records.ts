import { Injectable } from '@nestjs/common';
import { In, type EntityManager } from 'typeorm';
import { requireMatch } from '../common/etag.js';
import type { Actor } from '../common/principal.js';
import { notFound } from '../common/problem.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import { ClientAudience } from './client-audience.entity.js';
import { ClientPermission } from './client-permission.entity.js';
import { Client } from './client.entity.js';

/** Both lists are in alphabetical order. */
export type ClientWithRights = Client & { permissions: string[]; audiences: string[] };

/** Which client to change, on whose behalf, and which version of it whoever asks has read. */
export interface ClientChange {
  actor: Actor;
  clientId: string;
  ifMatch: string | undefined;
}

/** Reads clients together with what they may do. */
@Injectable()
export class ClientRecords {
  constructor(private readonly privileges: PermissionsService) {}

  /** @throws Problem 404 */
  async read(manager: EntityManager, clientId: string): Promise<ClientWithRights> {
    const [client] = await this.withRights(manager, await manager.findBy(Client, { clientId }));
    if (!client) throw notFound('client');
    return client;
  }

  /**
   * Reads a client that is to be changed and locks the row until the transaction ends. What is read about the client after that holds until
   * the commit.
   *
   * @throws Problem 403 when the client holds permissions that the actor lacks, 404, 412
   */
  async lock(manager: EntityManager, { actor, clientId, ifMatch }: ClientChange): Promise<ClientWithRights> {
    const locked = await manager.findOne(Client, { where: { clientId }, lock: { mode: 'pessimistic_write' } });
    const [client] = await this.requireMayTouch(manager, actor, locked ? [locked] : []);
    if (!client) throw notFound('client');
    requireMatch(ifMatch, client.version);
    return client;
  }

  /**
   * The ids of the clients of an audience, locked like those that are to be changed.
   *
   * @throws Problem 403 when one of them holds permissions that the actor lacks
   */
  async lockOfAudience(manager: EntityManager, actor: Actor, audience: string): Promise<string[]> {
    const locked = await manager
      .createQueryBuilder(Client, 'c')
      .where('c.client_id IN (SELECT client_id FROM client_audiences WHERE audience = :audience)', { audience })
      .orderBy('c.client_id')
      .setLock('pessimistic_write')
      .getMany();
    await this.requireMayTouch(manager, actor, locked);
    return locked.map(({ clientId }) => clientId);
  }

  /** What a client may do and prove itself by is part of what its entity tag stands for, also where it stands in other tables. */
  async countUp(manager: EntityManager, clientIds: readonly string[]): Promise<void> {
    await manager.update(Client, { clientId: In(clientIds) }, { updatedAt: () => 'clock_timestamp()' });
  }

  async withRights(manager: EntityManager, clients: Client[]): Promise<ClientWithRights[]> {
    if (clients.length === 0) return [];
    const of = { clientId: In(clients.map(({ clientId }) => clientId)) };
    const permissions = await manager.find(ClientPermission, { where: of, order: { permissionName: 'ASC' } });
    const audiences = await manager.find(ClientAudience, { where: of, order: { audience: 'ASC' } });
    const namesBy = <Row extends { clientId: string }>(rows: Row[], nameOf: (row: Row) => string) => {
      const names = new Map<string, string[]>();
      for (const row of rows) names.set(row.clientId, [...(names.get(row.clientId) ?? []), nameOf(row)]);
      return names;
    };
    const permissionsBy = namesBy(permissions, ({ permissionName }) => permissionName);
    const audiencesBy = namesBy(audiences, ({ audience }) => audience);
    return clients.map((client) =>
      Object.assign(client, {
        permissions: permissionsBy.get(client.clientId) ?? [],
        audiences: audiencesBy.get(client.clientId) ?? [],
      }),
    );
  }

  private async requireMayTouch(manager: EntityManager, actor: Actor, locked: Client[]): Promise<ClientWithRights[]> {
    const clients = await this.withRights(manager, locked);
    for (const { clientId, permissions } of clients) {
      this.privileges.requireMayTouch(actor, { type: 'client', id: clientId }, permissions);
    }
    return clients;
  }
}
