import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { BROKER_TOKEN_TYPE, type TokenClaims } from '@portcullis/verifier';
import type { DataSource, EntityManager } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import { invalidFields, unavailable } from '../common/problem.js';
import { randomSecret } from '../common/secrets.js';
import { prepared } from '../database/prepared.js';
import { inTransaction } from '../database/transaction.js';
import { PermissionsService, requireKnown } from '../permissions/permissions.service.js';
import { lifetimeAllowed } from './audience-rules.js';
import type { Authority } from './authority.js';
import { GENERATED_FACTS, type GeneratedFacts } from './generated-facts.js';
import { generatedTokenClaims, type RecordedToken } from './generated-token-claims.js';
import { lifetimeProblems, timeProblems } from './generation-times.js';
import { givenClaimProblems } from './given-claims.js';
import { mintedFrom, type MintedToken } from './minted-token.js';
import { TokenAudiences, unmintable } from './token-audiences.js';
import { isNames, type TokenPermissions } from './token-permissions.js';
import { TokenPress, UnmintableAudience, type PressedToken } from './token-press.js';
import { TokenSubjects, generatorEnded, requireOwnAudience, type TokenSubject } from './token-subjects.js';

/** The token that somebody wants to have generated. */
export interface GenerationOrder {
  audience: string;
  /** Null: whoever generates it. */
  subject: string | null;
  ttlSeconds: number;
  roles: readonly string[];
  permissions: TokenPermissions;
  /** Seconds since 1970. */
  notBefore: number | null;
  claims: Readonly<Record<string, unknown>>;
}

export type GeneratedTokenAnswer = MintedToken & { jti: string };

/**
 * Generates tokens of any lifetime and content, within the rights of whoever wants them. Each is recorded first, so that it can be found, revoked,
 * and ended together with its generator; then it is made from facts that are newer than the record.
 */
@Injectable()
export class GeneratedTokens {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly audiences: TokenAudiences,
    private readonly subjects: TokenSubjects,
    private readonly permissions: PermissionsService,
    private readonly press: TokenPress,
    private readonly audit: AuditService,
  ) {}

  /** @throws Problem 400, 401 when the right to generate it has ended meanwhile, 403 for what is beyond the generator's own rights */
  async generate(authority: Authority, order: GenerationOrder): Promise<GeneratedTokenAnswer> {
    const kid = await this.admit(order);
    const recorded = await inTransaction(this.dataSource, (manager) => this.record(manager, authority, order, kid));
    const pressed = await this.make(authority, order, recorded);
    // Rotated meanwhile: a key is kept until the last token that it signed has expired.
    if (pressed.kid !== kid)
      await this.dataSource.query('UPDATE generated_tokens SET kid = $2 WHERE jti = $1', [recorded.jti, pressed.kid]);
    return { ...mintedFrom(pressed), jti: recorded.jti };
  }

  /** What can be said without looking at who asks; and the key that is going to sign. */
  private async admit({ audience, ttlSeconds, claims }: GenerationOrder): Promise<string> {
    const { facts, kid } = await this.audiences.signerOf(audience);
    const { maxTokenTtl } = this.env;
    const declared = (facts.audiences ?? []).flatMap((registered) => Object.keys(registered.claims));
    const errors = [
      ...lifetimeProblems(ttlSeconds, [
        { seconds: maxTokenTtl, name: 'PORTCULLIS_MAX_TOKEN_TTL' },
        { seconds: lifetimeAllowed(facts, maxTokenTtl), name: 'the longest for this audience' },
      ]),
      ...givenClaimProblems(claims, declared),
    ];
    if (errors.length > 0) throw invalidFields(errors);
    return kid;
  }

  private async record(
    manager: EntityManager,
    { actor, tokenId }: Authority,
    order: GenerationOrder,
    kid: string,
  ): Promise<RecordedToken> {
    const { audience, roles, permissions, notBefore, claims } = order;
    const fromRoles = await this.requireMayGive(manager, actor, order);
    const forIssuer = audience === this.env.issuer;
    const subject = await this.subjects.resolve(manager, actor, order.subject, { forIssuer });
    if (!forIssuer) await requireOwnAudience(manager, actor, audience);
    const jti = randomSecret(16);
    const carried = isNames(permissions) ? [...new Set([...permissions, ...fromRoles])].sort() : permissions;
    const times = await this.insert(manager, { ...order, ...subject, permissions: carried, jti, kid, actor });
    const generatorExpiresAt = tokenId === null ? null : await expiryOf(manager, tokenId);
    const errors = timeProblems({ ...times, notBefore, generatorExpiresAt });
    if (errors.length > 0) throw invalidFields(errors);
    const names = isNames(carried) ? { permissions: carried } : {};
    await this.audit.record(manager, {
      action: 'token.generated',
      actor,
      target: { type: 'token', id: jti },
      details: { subject: subject.subject, audience, ttlSeconds: order.ttlSeconds, roles, ...names },
    });
    return { ...subject, ...times, jti, notBefore, roles, permissions, fromRoles, claims };
  }

  /** Nobody gives what they do not hold; and what there is not cannot be given. Says what the roles hold. */
  private async requireMayGive(
    manager: EntityManager,
    actor: Authority['actor'],
    { roles, permissions }: GenerationOrder,
  ): Promise<string[]> {
    const held = await this.permissions.permissionsOfRoles(manager, roles);
    requireKnown('roles', roles, held);
    const fromRoles = [...new Set(roles.flatMap((role) => [...(held.get(role) ?? [])]))];
    const named = isNames(permissions) ? permissions : [];
    const known = await manager.query<{ name: string }[]>('SELECT name FROM permissions WHERE name = ANY ($1)', [
      named,
    ]);
    requireKnown('permissions', named, new Set(known.map(({ name }) => name)));
    this.permissions.requireMayGrant(actor, [...named, ...fromRoles]);
    return fromRoles;
  }

  private async insert(
    manager: EntityManager,
    token: GenerationOrder & TokenSubject & { jti: string; kid: string; actor: Authority['actor'] },
  ): Promise<Pick<RecordedToken, 'issuedAt' | 'expiresAt'>> {
    const { actor } = token;
    const [times] = await manager.query<Pick<RecordedToken, 'issuedAt' | 'expiresAt'>[]>(INSERT, [
      token.jti,
      token.subject,
      token.audience,
      token.clientId,
      token.kid,
      token.roles,
      JSON.stringify(token.permissions),
      actor.type,
      actor.id ?? 'system',
      token.notBefore,
      token.ttlSeconds,
    ]);
    if (!times) throw new Error('an insertion gave no row');
    return times;
  }

  private async make(authority: Authority, order: GenerationOrder, recorded: RecordedToken): Promise<PressedToken> {
    try {
      const pressed = await this.press.press({
        readFacts: () => this.readFacts(authority, recorded),
        claimsOf: (facts) => this.claimsOf(facts, recorded),
        ...(!isNames(recorded.permissions) && { type: BROKER_TOKEN_TYPE }),
        unregistered: this.env.brokerAudience,
      });
      if (!pressed) throw generatorEnded();
      return pressed;
    } catch (error) {
      await this.discard(recorded.jti);
      throw error instanceof UnmintableAudience ? unmintable(error.problems, order.audience) : error;
    }
  }

  private claimsOf(facts: GeneratedFacts, recorded: RecordedToken): TokenClaims | null {
    if (recorded.expiresAt - recorded.issuedAt > facts.keep)
      throw unavailable('Tokens of this lifetime cannot be kept track of right now.');
    return generatedTokenClaims(facts, recorded, this.env.issuer);
  }

  private async readFacts(authority: Authority, recorded: RecordedToken): Promise<GeneratedFacts | null> {
    const { actor, asOf, events, roles } = authority;
    const [facts] = await prepared<GeneratedFacts>(this.dataSource, this.env, 'generated_facts', GENERATED_FACTS, [
      recorded.jti,
      this.env.signingAlgorithm,
      isNames(recorded.permissions) ? recorded.permissions : [],
      asOf,
      events.map(({ kind }) => kind),
      events.map(({ key }) => key),
      roles,
      [...actor.permissions],
    ]);
    return facts ?? null;
  }

  /** What was recorded and never handed out must not look as if somebody had it. */
  private async discard(jti: string): Promise<void> {
    await this.dataSource.query(
      `UPDATE generated_tokens SET revoked_at = clock_timestamp(), revoked_by = 'system' WHERE jti = $1 AND revoked_at IS NULL`,
      [jti],
    );
  }
}

/** The times of a token are whole seconds: those of the record are those of the token. */
const INSERT = `
INSERT INTO generated_tokens (jti, subject, audience, client_id, kid, roles, permissions, generated_by_type, generated_by, created_at,
  not_before, expires_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, clock.now, to_timestamp($10), date_trunc('second', clock.now) + make_interval(secs => $11)
FROM (SELECT clock_timestamp() AS now) clock
RETURNING floor(extract(epoch FROM created_at))::float8 AS "issuedAt", extract(epoch FROM expires_at)::float8 AS "expiresAt"`;

/** When a recorded token expires, in seconds since 1970; null when it is not recorded. */
async function expiryOf(manager: EntityManager, jti: string): Promise<number | null> {
  const [row] = await manager.query<{ expiresAt: number }[]>(
    'SELECT extract(epoch FROM expires_at)::float8 AS "expiresAt" FROM generated_tokens WHERE jti = $1',
    [jti],
  );
  return row?.expiresAt ?? null;
}
