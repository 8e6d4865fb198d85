import { Inject, Injectable } from '@nestjs/common';
import type { Principal } from '@portcullis/verifier';
import { v7 as uuidv7 } from 'uuid';
import { ENV, type Env } from '../../../config/env.js';
import { Clock } from '../../common/clock.js';
import { MasterKey } from '../../common/master-key.js';
import { invalidFields, type Problem } from '../../common/problem.js';
import { unwrapTotpSecret, wrapTotpSecret } from '../../common/totp-secret.js';
import { UsersService } from '../../users/users.service.js';
import type { Caller } from '../password-check.js';
import type { TokenMode } from '../session-cookie.js';
import { Enrolment, SETUP_SECONDS, type EnrolmentRight } from './enrolment.service.js';
import { ONE_TIME_PASSWORD } from './login-step.js';
import type { ConfirmTotpDto, EnrolledDto, TotpSetupDto } from './mfa.dto.js';
import { challengeOf, readRegistration } from './passkey-response.js';
import type { ConfirmPasskeyDto, PasskeySetupDto } from './passkey.dto.js';
import { Passkeys } from './passkeys.service.js';
import { SecondFactors } from './second-factors.service.js';
import { newTotpSecret, totpStepOf, totpUri } from './totp.js';

const TOTP = 'totp-setup';
const PASSKEY = 'passkey-setup';

/** Each kind of factor is set up in two steps: what it is to hold is given out, and then shown to be there. */
@Injectable()
export class FactorSetup {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly enrolment: Enrolment,
    private readonly factors: SecondFactors,
    private readonly passkeys: Passkeys,
    private readonly users: UsersService,
    private readonly masterKey: MasterKey,
    private readonly clock: Clock,
  ) {}

  /** A new secret, which becomes a factor once a code has shown that the app has it. @throws Problem 401, 403, 429 */
  async startTotp(right: EnrolmentRight): Promise<TotpSetupDto> {
    const secret = newTotpSecret();
    const factorId = uuidv7();
    const wrapped = wrapTotpSecret(this.masterKey, factorId, Buffer.from(secret)).toString('base64');
    const { userId, setupToken } = await this.enrolment.start(right, TOTP, { factorId, secret: wrapped });
    const { username } = await this.users.profile(userId);
    return { setupToken, secret, uri: totpUri(secret, username, this.env.issuer), expiresIn: SETUP_SECONDS };
  }

  /** How the tokens are to be handed over, by what this and the login before it say. @throws Problem 400 */
  modeOfTotp({ setupToken, mode }: ConfirmTotpDto): Promise<TokenMode | undefined> {
    return this.enrolment.modeOf(TOTP, setupToken, mode);
  }

  /** The same. @throws Problem 400 */
  modeOfPasskey({ credential, mode }: ConfirmPasskeyDto): Promise<TokenMode | undefined> {
    const response = readRegistration(credential);
    return this.enrolment.modeOf(PASSKEY, response ? challengeOf(response) : '', mode);
  }

  /** A wrong code uses nothing up. @throws Problem 400 for a wrong code, 401, 409 `too_many_factors`, 429 */
  confirmTotp(
    { code, setupToken, name = 'authenticator app' }: ConfirmTotpDto,
    principal: Principal | undefined,
    caller: Caller,
  ): Promise<EnrolledDto> {
    return this.enrolment.finish({ purpose: TOTP, setupToken, principal, caller }, async (manager, userId, details) => {
      const { factorId, secret: wrapped } = details as { factorId: string; secret: string };
      const secret = unwrapTotpSecret(this.masterKey, factorId, Buffer.from(wrapped, 'base64')).toString();
      const step = totpStepOf(secret, code, this.clock.now().getTime() / 1000);
      if (step === null) throw invalidFields([{ field: 'code', message: 'is not what the app should show now' }]);
      await this.factors.addTotp(manager, { id: factorId, userId, name, secret, step });
      return { factorId, kind: 'totp', methods: ONE_TIME_PASSWORD };
    });
  }

  /** What a browser makes a passkey by. Its challenge is the setup token, so that the answer brings that back, signed. @throws Problem 401, 403, 429 */
  async startPasskey(right: EnrolmentRight): Promise<PasskeySetupDto> {
    const { userId, setupToken } = await this.enrolment.start(right, PASSKEY, {});
    const options = await this.passkeys.creationOptions(await this.users.profile(userId), setupToken);
    return { options: { ...options } };
  }

  /** @throws Problem 400 for what is no passkey, 401, 409 `too_many_factors` or `passkey_taken`, 429 */
  confirmPasskey(
    { credential, name = 'passkey' }: ConfirmPasskeyDto,
    principal: Principal | undefined,
    caller: Caller,
  ): Promise<EnrolledDto> {
    const response = readRegistration(credential);
    if (!response) throw noPasskey();
    const challenge = challengeOf(response);
    return this.enrolment.finish(
      { purpose: PASSKEY, setupToken: challenge, principal, caller },
      async (manager, userId) => {
        const added = await this.passkeys.add(manager, { userId, name, response, challenge });
        if (!added) throw noPasskey();
        return { factorId: added.id, kind: 'passkey', methods: added.methods };
      },
    );
  }
}

const noPasskey = (): Problem =>
  invalidFields([{ field: 'credential', message: 'is not the answer of a browser that was asked here for a passkey' }]);
