import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { AuditService } from '../audit/audit.service.js';
import { conflict, notFound } from '../common/problem.js';
import { randomSecret, sha256 } from '../common/secrets.js';
import { inTransaction } from '../database/transaction.js';
import { ClientRecords, type ClientChange } from './client-records.js';
import { ClientSecret } from './client-secret.entity.js';

/** Tells what it is to whoever finds one in a log or a repository, and to programs that look for such. */
const PREFIX = 'pcs_';

/** One to use, and its successor while the client is being changed over. */
const MOST_SECRETS = 2;

/** With the text of the secret, which is known at this moment only. */
export type NewClientSecret = ClientSecret & { text: string };

const VALID = '(expires_at IS NULL OR expires_at > clock_timestamp())';

/** The secrets of clients. Every change of them ends the client's tokens, by triggers: whoever has the client's trust asks for another. */
@Injectable()
export class ClientSecrets {
  constructor(
    private readonly dataSource: DataSource,
    private readonly records: ClientRecords,
    private readonly audit: AuditService,
  ) {}

  /** For a client that the caller has locked or just made. */
  async insert(manager: EntityManager, clientId: string): Promise<NewClientSecret> {
    const id = uuidv7();
    const text = `${PREFIX}${randomSecret(32)}`;
    await manager.insert(ClientSecret, { id, clientId, hash: sha256(text) });
    return Object.assign(await manager.findOneByOrFail(ClientSecret, { id }), { text });
  }

  /** Those that are valid, the oldest first. @throws Problem 404 */
  async list(clientId: string): Promise<ClientSecret[]> {
    const { manager } = this.dataSource;
    await this.records.read(manager, clientId);
    return manager
      .createQueryBuilder(ClientSecret, 's')
      .where(`client_id = :clientId AND ${VALID}`, { clientId })
      .orderBy('s.createdAt')
      .addOrderBy('s.id')
      .getMany();
  }

  /**
   * @param expiresPreviousInSeconds when the secrets before expire, if they do not do so earlier; undefined: as they did
   * @throws Problem 403, 404, 409 `too_many_secrets`, 412
   */
  async add(change: ClientChange, expiresPreviousInSeconds: number | undefined): Promise<NewClientSecret> {
    return inTransaction(this.dataSource, async (manager) => {
      const { clientId } = await this.records.lock(manager, change);
      if (expiresPreviousInSeconds !== undefined) {
        await manager.query(
          `UPDATE client_secrets SET expires_at = least(expires_at, clock_timestamp() + $2 * interval '1 second')
           WHERE client_id = $1 AND ${VALID}`,
          [clientId, expiresPreviousInSeconds],
        );
      }
      const [row] = await manager.query<{ valid: number }[]>(
        `SELECT count(*)::integer AS valid FROM client_secrets WHERE client_id = $1 AND ${VALID}`,
        [clientId],
      );
      if ((row?.valid ?? 0) >= MOST_SECRETS) {
        throw conflict('too_many_secrets', 'The client has two valid secrets already. Delete one of them first.');
      }
      const secret = await this.insert(manager, clientId);
      await this.record(manager, 'client.secret_created', change, { secretId: secret.id, expiresPreviousInSeconds });
      return secret;
    });
  }

  /** @throws Problem 403, 404, 412 */
  async delete(change: ClientChange, secretId: string): Promise<void> {
    await inTransaction(this.dataSource, async (manager) => {
      const { clientId } = await this.records.lock(manager, change);
      const { affected } = await manager
        .createQueryBuilder()
        .delete()
        .from(ClientSecret)
        .where(`client_id = :clientId AND id = :secretId AND ${VALID}`, { clientId, secretId })
        .execute();
      if (affected === 0) throw notFound('secret');
      await this.record(manager, 'client.secret_deleted', change, { secretId });
    });
  }

  private async record(
    manager: EntityManager,
    action: string,
    { actor, clientId }: ClientChange,
    details: Record<string, unknown>,
  ): Promise<void> {
    await this.audit.record(manager, { action, actor, target: { type: 'client', id: clientId }, details });
  }
}
