import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import type { Actor } from '../../common/principal.js';
import { Problem, invalidToken } from '../../common/problem.js';
import { SingleUseTokens, type Redeemed } from '../../tokens/single-use-tokens.js';
import type { FactorRequiredDto, TokenPairDto } from '../auth.dto.js';
import { FACTOR_QUESTION, LoginSteps, type LoginProof } from '../login-steps.service.js';
import { LoginThrottle } from '../login-throttle.js';
import { PasswordCheck, type Caller } from '../password-check.js';
import { withOneTimePassword } from './login-step.js';
import type { FactorCodeDto } from './mfa.dto.js';
import { SecondFactors } from './second-factors.service.js';

/** What came as a code is none, or was used already. Thrown in the transaction, so that it uses nothing up. */
class WrongCode extends Error {}

/** The second step of a login: a code. */
@Injectable()
export class SecondStep {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly factors: SecondFactors,
    private readonly tokens: SingleUseTokens,
    private readonly steps: LoginSteps,
    private readonly throttle: LoginThrottle,
    private readonly passwords: PasswordCheck,
    private readonly audit: AuditService,
  ) {}

  /** @throws Problem 401 `invalid_token` or `invalid_code`, 403 `password_change_required`, 429, 503 */
  withTotp(dto: FactorCodeDto, caller: Caller): Promise<TokenPairDto | FactorRequiredDto> {
    return this.complete(dto, caller, (manager, userId) => this.factors.useTotp(manager, userId, dto.code));
  }

  /** @throws Problem 401 `invalid_token` or `invalid_code`, 403 `password_change_required`, 429, 503 */
  withRecoveryCode(dto: FactorCodeDto, caller: Caller): Promise<TokenPairDto | FactorRequiredDto> {
    return this.complete(dto, caller, async (manager, userId) => {
      if (!(await this.factors.useRecoveryCode(manager, userId, dto.code))) return false;
      const actor: Actor = { ...caller.actor, type: 'user', id: userId };
      await this.audit.record(manager, { action: 'recovery_code.used', actor, target: { type: 'user', id: userId } });
      return true;
    });
  }

  private async complete(
    { mfa_token: token }: FactorCodeDto,
    caller: Caller,
    use: (manager: EntityManager, userId: string) => Promise<boolean>,
  ): Promise<TokenPairDto | FactorRequiredDto> {
    const asked = await this.tokens.read(this.dataSource.manager, FACTOR_QUESTION.purpose, token);
    if (!asked) throw spentToken();
    // Counted before it is known to fail, and struck out when it does not: of many guesses at once no more are heard than of guesses one by one.
    // Apart from passwords, since whoever comes here knows the password, and by that failures at passwords are forgotten.
    const account = `factor:${asked.userId}`;
    const locks = await this.throttle.countFailure(account);
    try {
      const proof = proofOf(asked);
      const redeem = (manager: EntityManager): Promise<LoginProof> => this.redeem(manager, token, proof, use);
      const answer = await this.steps.take({ proof, caller, redeem, action: 'login.succeeded' });
      await this.throttle.forgetFailures(account);
      return answer;
    } catch (error) {
      if (error instanceof WrongCode) throw await this.failed(asked.userId, caller.actor, locks);
      // The code was right; what is asked for next is no failure of it.
      if (error instanceof Problem && error.getStatus() === 403) await this.throttle.forgetFailures(account);
      throw error;
    }
  }

  /** Takes what was proven before and the code together, or neither. */
  private async redeem(
    manager: EntityManager,
    token: string,
    proof: LoginProof,
    use: (manager: EntityManager, userId: string) => Promise<boolean>,
  ): Promise<LoginProof> {
    if (!(await this.factors.holdCredentials(manager, proof, 'SHARE'))) throw spentToken();
    if (!(await this.tokens.consume(manager, FACTOR_QUESTION.purpose, token))) throw spentToken();
    if (!(await use(manager, proof.userId))) throw new WrongCode();
    return proof;
  }

  private async failed(userId: string, actor: Actor, locks: boolean): Promise<Problem> {
    this.passwords.count('failure');
    const target = { type: 'user', id: userId };
    await this.audit.recordRefusal({ action: 'login.factor_failed', outcome: 'failure', actor, target });
    if (locks) {
      this.passwords.count('locked');
      await this.audit.recordRefusal({ action: 'account.locked', outcome: 'denied', actor, target });
    }
    return new Problem(401, 'invalid_code', 'The code is wrong, or was used already.');
  }
}

function proofOf({ userId, sessionEpoch, details }: Redeemed): LoginProof {
  const before = details as Pick<LoginProof, 'asOf' | 'amr' | 'audience'>;
  return { ...before, userId, sessionEpoch, amr: withOneTimePassword(before.amr) };
}

const spentToken = (): Problem => invalidToken('The mfa_token is not valid, or not any more. Log in again.');
