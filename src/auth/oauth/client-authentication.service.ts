import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Counter } from 'prom-client';
import type { DataSource } from 'typeorm';
import { ENV, type Env } from '../../../config/env.js';
import { AuditService } from '../../audit/audit.service.js';
import { ClientDirectory, type ClientCredentials } from '../../clients/client-directory.js';
import { STORED_CLIENT_ID } from '../../clients/client-id.js';
import { Clock } from '../../common/clock.js';
import { violatedForeignKey } from '../../common/database-errors.js';
import { Metrics } from '../../common/metrics.js';
import type { Actor } from '../../common/principal.js';
import { secretsEqual, sha256 } from '../../common/secrets.js';
import { prepared } from '../../database/prepared.js';
import { claimedClientOf, readAssertion, verifyAssertion, type AcceptedAssertion } from './client-assertion.js';
import { clientRefused, type ClientProof } from './client-proof.js';
import { ClientThrottle } from './client-throttle.js';
import { tokenEndpointOf } from './metadata.js';

/** What the secret of a client that is unknown, or has none, is compared with. */
const NO_SECRET = Buffer.alloc(32);

export type GivenProof = Exclude<ClientProof, { method: 'none' }>;
type SecretProof = Extract<ClientProof, { secret: string }>;
type AssertionProof = Extract<ClientProof, { assertion: string }>;

type Finding = { client: ClientCredentials } | { clientId: string | null; refusal: string };

/** Finds out whether a client is the one that it says it is (RFC 6749 section 2.3, RFC 7523). */
@Injectable()
export class ClientAuthentication {
  private readonly attempts: Counter<'method' | 'outcome'>;
  private readonly audiences: readonly string[];

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly clients: ClientDirectory,
    private readonly throttle: ClientThrottle,
    private readonly audit: AuditService,
    private readonly clock: Clock,
    metrics: Metrics,
  ) {
    this.audiences = [env.issuer, tokenEndpointOf(env.issuer)];
    this.attempts = metrics.counter(
      'portcullis_client_authentications_total',
      'Clients that proved who they are, or not',
      ['method', 'outcome'],
    );
  }

  /**
   * The client that the proof is from. An unknown client, a disabled one and a wrong proof get the same answer; to whoever guesses at secrets in about the same time too.
   *
   * @param actor whoever sends the request: for the audit trail
   * @throws OAuthError `invalid_client`; Problem 429 after too many failures
   */
  async authenticate(proof: GivenProof, actor: Actor): Promise<ClientCredentials> {
    const finding = proof.method === 'private_key_jwt' ? await this.byAssertion(proof) : await this.bySecret(proof);
    const { method } = proof;
    if ('client' in finding) {
      this.attempts.inc({ method, outcome: 'success' });
      return finding.client;
    }
    this.attempts.inc({ method, outcome: 'failure' });
    const { clientId, refusal } = finding;
    await this.throttle.countFailure(actor.address, clientId ?? '');
    await this.audit.recordRefusal({
      action: 'client.authentication_failed',
      outcome: 'failure',
      actor,
      ...(clientId !== null && { target: { type: 'client', id: clientId } }),
      details: { method, reason: refusal },
    });
    throw clientRefused({ byHeader: method === 'client_secret_basic' });
  }

  private async bySecret({ clientId, secret }: SecretProof): Promise<Finding> {
    const client = await this.clients.credentialsOf(clientId);
    const right = isOneOf(client?.secretHashes ?? [], sha256(secret));
    return right && client?.status === 'active' ? { client } : refused(clientId, client, 'wrong_secret');
  }

  private async byAssertion({ clientId: named, assertion }: AssertionProof): Promise<Finding> {
    const jws = readAssertion(assertion);
    const clientId = jws && claimedClientOf(jws);
    if (jws === undefined || clientId === undefined || (named !== undefined && named !== clientId))
      return refused(named ?? '', null, 'malformed');
    const client = await this.clients.credentialsOf(clientId);
    const keys = client?.jwks?.keys ?? [];
    const now = this.clock.now().getTime() / 1000;
    const accepted = verifyAssertion(jws, { clientId, keys, audiences: this.audiences, now });
    if (typeof accepted === 'string') return refused(clientId, client, accepted);
    if (client?.status !== 'active') return refused(clientId, client, 'disabled');
    return (await this.useUp(clientId, accepted)) ? { client } : refused(clientId, client, 'replayed');
  }

  /** RFC 7523 section 3: the `jti` of an assertion is remembered until it has expired, by all instances. False when it was used before. */
  private async useUp(clientId: string, { jti, expiresAt }: AcceptedAssertion): Promise<boolean> {
    try {
      const rows = await prepared(this.dataSource, this.env, 'use_assertion', USE, [clientId, jti, expiresAt]);
      return rows.length === 1;
    } catch (error) {
      // The client was deleted meanwhile.
      if (violatedForeignKey(error) === 'used_assertions_client') return false;
      throw error;
    }
  }
}

const USE = `
INSERT INTO used_assertions (client_id, jti, expires_at) VALUES ($1, $2, to_timestamp($3))
ON CONFLICT DO NOTHING RETURNING client_id`;

/** Compares with each, whichever it is. */
function isOneOf(hashes: readonly Buffer[], presented: Buffer): boolean {
  const equal = (hashes.length === 0 ? [NO_SECRET] : hashes).map((hash) => secretsEqual(hash, presented));
  return equal.includes(true);
}

/** For the audit trail, where names that cannot be a client's have no place. */
function refused(clientId: string, client: ClientCredentials | null, wrong: string): Finding {
  const named = STORED_CLIENT_ID.test(clientId) ? clientId : null;
  if (client === null) return { clientId: named, refusal: wrong === 'malformed' ? wrong : 'unknown_client' };
  return { clientId: named, refusal: client.status === 'active' ? wrong : 'disabled' };
}
