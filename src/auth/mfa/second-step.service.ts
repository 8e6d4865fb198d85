import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import type { Actor } from '../../common/principal.js';
import { Problem, invalidToken } from '../../common/problem.js';
import { inTransaction } from '../../database/transaction.js';
import { SECOND_FACTOR } from '../../tokens/second-factor-rule.js';
import { SingleUseTokens, type Redeemed } from '../../tokens/single-use-tokens.js';
import { SecurityNotices } from '../../users/security-notices.js';
import type { FactorRequiredDto, TokenPairDto } from '../auth.dto.js';
import { agreedMode } from '../agreed-mode.js';
import { FACTOR_QUESTION, LoginSteps, type LoginProof } from '../login-steps.service.js';
import { LoginThrottle, factorKey } from '../login-throttle.js';
import { PasswordCheck, type Caller } from '../password-check.js';
import { orUserGone } from '../user-gone.js';
import type { TokenMode } from '../session-cookie.js';
import { GuessWarnings } from './guess-warnings.service.js';
import { ONE_TIME_PASSWORD } from './login-step.js';
import type { FactorCodeDto } from './mfa.dto.js';
import { challengeOf, readAuthentication } from './passkey-response.js';
import type { FactorPasskeyDto, PasskeyQuestionDto } from './passkey.dto.js';
import { Passkeys } from './passkeys.service.js';
import { SecondFactors } from './second-factors.service.js';
import { TotpGuesses } from './totp-guesses.service.js';

/** What came as a second factor is none, or was used already. Thrown in the transaction, so that it uses nothing up. */
class WrongFactor extends Error {
  /** @param why `copied`: it is that of a passkey of which there is a copy; `unheard`: nobody looked at it, after too many before it */
  constructor(readonly why: 'wrong' | 'copied' | 'unheard' = 'wrong') {
    super();
  }
}

/** Which login is completed, and how its tokens are to be handed over. */
type Step = Pick<FactorCodeDto, 'mfa_token' | 'mode'>;

/** Uses a factor up. @returns the methods proven @throws WrongFactor */
type Use = (manager: EntityManager, userId: string) => Promise<readonly string[]>;

/** The token that is the challenge for a passkey, seconds. */
const CHALLENGE = { purpose: 'passkey-factor', ttlSeconds: 5 * 60 };

/** The second step of a login: a code, or a passkey. */
@Injectable()
export class SecondStep {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly factors: SecondFactors,
    private readonly guesses: TotpGuesses,
    private readonly warnings: GuessWarnings,
    private readonly passkeys: Passkeys,
    private readonly tokens: SingleUseTokens,
    private readonly steps: LoginSteps,
    private readonly throttle: LoginThrottle,
    private readonly passwords: PasswordCheck,
    private readonly notices: SecurityNotices,
    private readonly audit: AuditService,
  ) {}

  /** How the login wants its tokens handed over, by what this and the first step say. @throws Problem 400 */
  async modeOf({ mfa_token: token, mode }: Step): Promise<TokenMode | undefined> {
    const asked = await this.tokens.read(this.dataSource.manager, FACTOR_QUESTION.purpose, token);
    return agreedMode(asked ? proofOf(asked).mode : undefined, mode);
  }

  /** @throws Problem 401 `invalid_token`, `invalid_code` or `factor_locked`, 403 `password_change_required`, 429, 503 */
  withTotp({ code, ...step }: FactorCodeDto, caller: Caller): Promise<TokenPairDto | FactorRequiredDto> {
    const use: Use = async (manager, userId) => {
      if (!(await this.factors.useTotp(manager, userId, code))) throw new WrongFactor();
      return ONE_TIME_PASSWORD;
    };
    return this.complete(step, caller, use, async (userId) => {
      if (!(await this.guesses.count(userId))) throw new WrongFactor('unheard');
    });
  }

  /** @throws Problem 401 `invalid_token` or `invalid_code`, 403 `password_change_required`, 429, 503 */
  withRecoveryCode({ code, ...step }: FactorCodeDto, caller: Caller): Promise<TokenPairDto | FactorRequiredDto> {
    return this.complete(step, caller, async (manager, userId) => {
      if (!(await this.factors.useRecoveryCode(manager, userId, code))) throw new WrongFactor();
      const actor: Actor = { ...caller.actor, type: 'user', id: userId };
      await this.audit.record(manager, { action: 'recovery_code.used', actor, target: { type: 'user', id: userId } });
      await this.notices.tell(manager, { notice: 'recovery-code-used', userId, actor });
      return ONE_TIME_PASSWORD;
    });
  }

  /** What a passkey is asked by. @throws Problem 401 `invalid_token`, 429 */
  async askForPasskey(mfaToken: string): Promise<PasskeyQuestionDto> {
    const asked = await this.tokens.read(this.dataSource.manager, FACTOR_QUESTION.purpose, mfaToken);
    if (!asked) throw spentToken();
    const { userId, sessionEpoch } = asked;
    const challenge = await inTransaction(this.dataSource, (manager) =>
      this.tokens.issue(manager, { ...CHALLENGE, userId, sessionEpoch }),
    ).catch(orUserGone);
    return { options: { ...(await this.passkeys.factorOptions(userId, challenge)) } };
  }

  /** @throws Problem 401 `invalid_token` or `invalid_code`, 403 `password_change_required`, 429, 503 */
  withPasskey({ credential, ...step }: FactorPasskeyDto, caller: Caller): Promise<TokenPairDto | FactorRequiredDto> {
    const response = readAuthentication(credential);
    return this.complete(step, caller, async (manager, userId) => {
      const challenge = response ? challengeOf(response) : '';
      const redeemed = await this.tokens.consume(manager, CHALLENGE.purpose, challenge);
      if (!response || redeemed?.userId !== userId) throw new WrongFactor();
      const used = await this.passkeys.use(manager, { userId, response, challenge, verified: false });
      if ('refused' in used) throw new WrongFactor(used.refused);
      return used.methods;
    });
  }

  /** @param count what to do before the factor is looked at, outside of the transaction that a wrong one takes back */
  private async complete(
    { mfa_token: token, mode }: Step,
    caller: Caller,
    use: Use,
    count: (userId: string) => Promise<void> = () => Promise.resolve(),
  ): Promise<TokenPairDto | FactorRequiredDto> {
    const asked = await this.tokens.read(this.dataSource.manager, FACTOR_QUESTION.purpose, token);
    if (!asked) throw spentToken();
    // Counted before it is known to fail, and struck out when it does not: of many guesses at once no more are heard than of guesses one by one.
    // Apart from passwords, since whoever comes here knows the password, and by that failures at passwords are forgotten.
    const account = factorKey(asked.userId);
    const locks = await this.throttle.countFailure(account);
    try {
      await count(asked.userId);
      const before = { ...proofOf(asked), ...(mode && { mode }) };
      const redeem = (manager: EntityManager): Promise<LoginProof> => this.redeem(manager, token, before, use);
      // Nothing comes of the second factor that is named here unless it is redeemed.
      const proof = { ...before, amr: [...before.amr, SECOND_FACTOR] };
      const answer = await this.steps.take({ proof, caller, redeem, action: 'login.succeeded' });
      await this.throttle.forgetFailures(account);
      return answer;
    } catch (error) {
      if (error instanceof WrongFactor) throw await this.failed(error, asked.userId, caller.actor, locks);
      // It was right; what is asked for next is no failure of it.
      if (error instanceof Problem && error.getStatus() === 403) await this.throttle.forgetFailures(account);
      throw error;
    }
  }

  /** Takes what was proven before and the factor together, or neither. */
  private async redeem(manager: EntityManager, token: string, proof: LoginProof, use: Use): Promise<LoginProof> {
    if (!(await this.factors.holdCredentials(manager, proof, 'SHARE'))) throw spentToken();
    if (!(await this.tokens.consume(manager, FACTOR_QUESTION.purpose, token))) throw spentToken();
    const methods = await use(manager, proof.userId);
    await this.guesses.forget(manager, proof.userId);
    return { ...proof, amr: [...new Set([...proof.amr, ...methods])] };
  }

  private async failed({ why }: WrongFactor, userId: string, actor: Actor, locks: boolean): Promise<Problem> {
    this.passwords.count('failure');
    const target = { type: 'user', id: userId };
    await this.audit.recordRefusal({ action: 'login.factor_failed', outcome: 'failure', actor, target });
    if (why === 'copied')
      await this.audit.recordRefusal({ action: 'passkey.copied', outcome: 'denied', actor, target });
    if (locks) this.passwords.count('locked');
    await this.warnings.note(userId, actor, locks);
    await this.guesses.noteFailure(userId, actor);
    return why === 'unheard'
      ? new Problem(401, 'factor_locked', 'No code of an app is taken after so many wrong ones. Use another factor.')
      : new Problem(401, 'invalid_code', 'The code or passkey is wrong, or was used already.');
  }
}

function proofOf({ userId, sessionEpoch, details }: Redeemed): LoginProof {
  return { ...(details as Pick<LoginProof, 'asOf' | 'amr' | 'audience' | 'mode'>), userId, sessionEpoch };
}

const spentToken = (): Problem => invalidToken('The mfa_token is not valid, or not any more. Log in again.');
