import { isDeepStrictEqual } from 'node:util';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import { violatedUnique } from '../common/database-errors.js';
import { requireMatch } from '../common/etag.js';
import type { Actor } from '../common/principal.js';
import { conflict, invalidFields, type FieldError, type Problem } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { KeysService } from '../keys/keys.service.js';
import { isHmac, type AudienceAlgorithm } from './audience-algorithms.js';
import { isReservedAudience } from './audience-identifier.js';
import { AudienceRecords, type AudienceWithKey } from './audience-records.js';
import { AudienceSecrets, type NewSecret } from './audience-secrets.js';
import { Audience } from './audience.entity.js';
import type { CreateAudienceDto, UpdateAudienceDto } from './audiences.dto.js';
import { ClientRecords } from './client-records.js';
import { claimProblems } from './extra-claims.js';

/** `secret` is there only where it was made or given just now. */
export type AudienceWithSecret = AudienceWithKey & { secret?: Buffer };

type AudienceValues = Partial<Pick<Audience, 'algorithm' | 'tokenTtlSeconds' | 'claims'>>;

/** Which audience to change, on whose behalf, and which version of it whoever asks has read. */
export interface AudienceChange {
  actor: Actor;
  identifier: string;
  ifMatch: string | undefined;
}

/** The services that tokens are for. A change locks the audience, and after that the clients whose tokens it ends. */
@Injectable()
export class AudiencesService implements OnModuleInit {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly records: AudienceRecords,
    private readonly clients: ClientRecords,
    private readonly secrets: AudienceSecrets,
    private readonly keys: KeysService,
    private readonly audit: AuditService,
  ) {}

  /**
   * Whoever knows the secret of an audience may sign for it, but must never sign for the issuer.
   *
   * @throws Error that stops the start
   */
  async onModuleInit(): Promise<void> {
    const { issuer } = this.env;
    if ((await this.records.find(issuer)) === null) return;
    throw new Error(
      `PORTCULLIS_ISSUER must not be ${issuer}: an audience is registered by that name. Delete it first, or choose another issuer.`,
    );
  }

  /** Null for an audience that is not registered, as the issuer never is. */
  get(identifier: string, manager?: EntityManager): Promise<AudienceWithKey | null> {
    return this.records.find(identifier, manager);
  }

  /** @throws Problem 400, 403 for an HMAC algorithm (see `audience-secrets.ts`), 409 `identifier_taken` */
  async create(actor: Actor, given: CreateAudienceDto): Promise<AudienceWithSecret> {
    const { identifier, algorithm, tokenTtlSeconds = null } = given;
    this.requireFit(given);
    const claims = (given.claims ?? {}) as Audience['claims'];
    const secret = this.secrets.choose(actor, identifier, algorithm, given.secret);
    // No key is made and published for what is refused.
    if (await this.records.find(identifier)) throw identifierTaken();
    await this.ensureKey(algorithm);
    try {
      return await inTransaction(this.dataSource, async (manager) => {
        await manager.insert(Audience, { identifier, algorithm, tokenTtlSeconds, claims });
        if (secret) await this.secrets.introduce(manager, actor, identifier, secret);
        await this.record(manager, 'audience.created', actor, identifier, { algorithm, tokenTtlSeconds, claims });
        return this.shown(manager, identifier, secret?.bytes);
      });
    } catch (error) {
      if (violatedUnique(error) !== 'audiences_pkey') throw error;
      throw identifierTaken();
    }
  }

  /**
   * Another algorithm ends every token for the audience, and the secret that it had.
   *
   * @throws Problem 400, 403 for an HMAC algorithm, or when tokens would end of a client that holds more than the actor, 404, 412
   */
  async update(change: AudienceChange, given: UpdateAudienceDto): Promise<AudienceWithSecret> {
    this.requireFit(given);
    const { actor, identifier } = change;
    const { algorithm } = await this.records.read(identifier);
    if (given.algorithm !== undefined && given.algorithm !== algorithm) await this.ensureKey(given.algorithm);
    return inTransaction(this.dataSource, async (manager) => {
      const audience = await this.lock(manager, change);
      const values = changedFields(audience, given);
      const secret = this.newSecret(change, audience, given);
      if (Object.keys(values).length === 0) return this.shown(manager, identifier);
      if (values.algorithm !== undefined) {
        await this.clients.lockOfAudience(manager, actor, identifier);
        await this.keys.revokeSecrets(manager, identifier, 'audience_algorithm_changed', actor);
      }
      await manager.update(Audience, { identifier }, values);
      if (secret) await this.secrets.introduce(manager, actor, identifier, secret);
      await this.record(manager, 'audience.updated', actor, identifier, { ...values });
      return this.shown(manager, identifier, secret?.bytes);
    });
  }

  /**
   * Gives an audience with an HMAC algorithm another secret. Tokens that were signed with the one before are good until they run out.
   *
   * @throws Problem 400, 403, 404, 409 `no_secret`, 412
   */
  async rotateSecret(change: AudienceChange, given: string | undefined): Promise<AudienceWithSecret> {
    const { actor, identifier } = change;
    return inTransaction(this.dataSource, async (manager) => {
      const { algorithm } = await this.lock(manager, change);
      if (!isHmac(algorithm)) {
        throw conflict('no_secret', 'This audience has no secret of its own: its algorithm has a key that all share.');
      }
      const secret = this.secrets.choose(actor, identifier, algorithm, given);
      await this.secrets.introduce(manager, actor, identifier, secret);
      // The secret is part of what the entity tag stands for.
      await manager.update(Audience, { identifier }, { updatedAt: () => 'clock_timestamp()' });
      await this.record(manager, 'audience.secret_rotated', actor, identifier, { origin: secret.origin });
      return this.shown(manager, identifier, secret.bytes);
    });
  }

  /**
   * Ends every token for the audience, and takes it from the clients that had it.
   *
   * @throws Problem 403 when one of these clients holds more than the actor, 404, 412
   */
  async delete(change: AudienceChange): Promise<void> {
    const { actor, identifier } = change;
    await inTransaction(this.dataSource, async (manager) => {
      await this.lock(manager, change);
      const clients = await this.clients.lockOfAudience(manager, actor, identifier);
      await this.keys.revokeSecrets(manager, identifier, 'audience_deleted', actor);
      await manager.delete(Audience, { identifier });
      await this.clients.countUp(manager, clients);
      await this.record(manager, 'audience.deleted', actor, identifier, { clients });
    });
  }

  private async lock(manager: EntityManager, { identifier, ifMatch }: AudienceChange): Promise<Audience> {
    const audience = await this.records.lock(manager, identifier);
    requireMatch(ifMatch, audience.version);
    return audience;
  }

  private newSecret(change: AudienceChange, audience: Audience, given: UpdateAudienceDto): NewSecret | null {
    const { algorithm = audience.algorithm, secret } = given;
    if (algorithm !== audience.algorithm) {
      return this.secrets.choose(change.actor, change.identifier, algorithm, secret);
    }
    if (secret === undefined) return null;
    const message = 'is given with another algorithm; POST /v1/audiences/{identifier}/secret replaces it';
    throw invalidFields([{ field: 'secret', message }]);
  }

  private requireFit({ identifier, tokenTtlSeconds, claims = {} }: Partial<CreateAudienceDto>): void {
    const errors: FieldError[] = claimProblems(claims);
    if (identifier !== undefined && isReservedAudience(identifier, this.env.issuer)) {
      errors.push({ field: 'identifier', message: 'is reserved for the service itself' });
    }
    if ((tokenTtlSeconds ?? 0) > this.env.maxTokenTtl) {
      const most = this.env.maxTokenTtl.toString();
      errors.push({ field: 'tokenTtlSeconds', message: `must not be more than PORTCULLIS_MAX_TOKEN_TTL, ${most} s` });
    }
    if (errors.length > 0) throw invalidFields(errors);
  }

  private async ensureKey(algorithm: AudienceAlgorithm): Promise<void> {
    if (!isHmac(algorithm)) await this.keys.ensureActive(algorithm);
  }

  private async shown(manager: EntityManager, identifier: string, secret?: Buffer): Promise<AudienceWithSecret> {
    return Object.assign(await this.records.read(identifier, manager), secret && { secret });
  }

  private async record(
    manager: EntityManager,
    action: string,
    actor: Actor,
    id: string,
    details: Record<string, unknown>,
  ): Promise<void> {
    await this.audit.record(manager, { action, actor, target: { type: 'audience', id }, details });
  }
}

const identifierTaken = (): Problem =>
  conflict('identifier_taken', 'There is such an audience already.', [{ field: 'identifier', message: 'is taken' }]);

/** What of the given differs from what the audience has. */
function changedFields(audience: Audience, { algorithm, tokenTtlSeconds, claims }: UpdateAudienceDto): AudienceValues {
  return {
    ...(algorithm !== undefined && algorithm !== audience.algorithm && { algorithm }),
    ...(tokenTtlSeconds !== undefined && tokenTtlSeconds !== audience.tokenTtlSeconds && { tokenTtlSeconds }),
    ...(claims !== undefined &&
      !isDeepStrictEqual(claims, audience.claims) && { claims: claims as Audience['claims'] }),
  };
}
