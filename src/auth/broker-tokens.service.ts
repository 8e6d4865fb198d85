import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import type { Actor } from '../common/principal.js';
import { Problem, forbidden } from '../common/problem.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import { authorityOfPassword } from '../tokens/authority.js';
import { GeneratedTokens } from '../tokens/generated-tokens.service.js';
import type { BrokerTokenRequest } from './broker-token-request.js';
import { LoginSteps } from './login-steps.service.js';
import { PasswordCheck, type Caller } from './password-check.js';

const RIGHT = 'tokens:generate';

/** Generates tokens for a message broker against a password, as MigratoryData's generator does. They are recorded like all others. */
@Injectable()
export class BrokerTokens {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly passwords: PasswordCheck,
    private readonly steps: LoginSteps,
    private readonly permissions: PermissionsService,
    private readonly tokens: GeneratedTokens,
    private readonly audit: AuditService,
  ) {}

  /**
   * Whether the user may generate tokens is said only to who has proven the password, and no sooner than a login would have told that it is right.
   *
   * @throws Problem 400, 401 for wrong credentials, 403, 404 when there is no broker, 429, 503
   */
  async generate(request: BrokerTokenRequest, caller: Caller): Promise<string> {
    const { username, password, ttlSeconds, permissions } = request;
    const audience = this.env.brokerAudience;
    if (audience === null) throw new Problem(404, 'not_found', 'Tokens for a message broker are switched off.');
    const credentials = await this.passwords.prove({ username }, password, caller, 'token.generation_failed');
    if (credentials.mustChangePassword)
      throw new Problem(403, 'password_change_required', 'The password must be changed before it can be used.');
    const { id, asOf } = credentials;
    // A password alone must not be a way around the second factor.
    if ((await this.steps.ahead({ userId: id, amr: ['pwd'] })) !== 'session') throw secondFactorNeeded();
    const { manager } = this.dataSource;
    // After the credentials, and so newer than their place on the validity clock: what changes from there on is noticed when the token is made.
    const roles = (await this.permissions.rolesOf(manager, [id])).get(id) ?? [];
    const held = await this.permissions.permissionsOfUser(manager, id);
    const actor = { ...caller.actor, type: 'user' as const, id, sessionId: null, permissions: held };
    if (!held.has(RIGHT)) throw await this.denied(actor);
    const generated = await this.tokens.generate(authorityOfPassword(actor, asOf, roles), {
      audience,
      subject: null,
      ttlSeconds,
      roles: [],
      permissions,
      notBefore: null,
      claims: {},
    });
    return generated.accessToken;
  }

  private async denied(actor: Actor): Promise<Problem> {
    const target = { type: 'route', id: 'POST /token/generate' };
    await this.audit.recordRefusal({
      action: 'access.denied',
      outcome: 'denied',
      actor,
      target,
      details: { missing: [RIGHT] },
    });
    return forbidden(`This user lacks ${RIGHT}.`);
  }
}

const secondFactorNeeded = (): Problem =>
  new Problem(
    403,
    'second_factor_required',
    'This user needs a second factor, which cannot be given here. Log in, and generate the token with POST /v1/tokens.',
  );
