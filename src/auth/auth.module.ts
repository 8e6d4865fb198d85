import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { PermissionsModule } from '../permissions/permissions.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { UsersModule } from '../users/users.module.js';
import { AuthController } from './auth.controller.js';
import { BrokerTokensController } from './broker-tokens.controller.js';
import { BrokerTokens } from './broker-tokens.service.js';
import { ChangeTokens } from './change-token.js';
import { CurrentPassword } from './current-password.js';
import { ForcedExpirationsController } from './forced-expirations.controller.js';
import { ForcedExpirationsService } from './forced-expirations.service.js';
import { GatewayCheckController } from './gateway-check.controller.js';
import { GatewayCheck } from './gateway-check.service.js';
import { JwtAuthGuard } from './jwt-auth.guard.js';
import { JwtStrategy } from './jwt.strategy.js';
import { LoginService } from './login.service.js';
import { LoginSteps } from './login-steps.service.js';
import { LoginThrottle } from './login-throttle.js';
import { ExpiredRows } from '../database/expired-rows.js';
import { Enrolment } from './mfa/enrolment.service.js';
import { OwnFactorsController } from './mfa/own-factors.controller.js';
import { FactorSetup } from './mfa/factor-setup.service.js';
import { PasskeyLogin } from './mfa/passkey-login.service.js';
import { PasskeyController } from './mfa/passkey.controller.js';
import { Passkeys } from './mfa/passkeys.service.js';
import { FactorReset } from './mfa/factor-reset.service.js';
import { SecondFactors } from './mfa/second-factors.service.js';
import { GuessWarnings } from './mfa/guess-warnings.service.js';
import { TotpGuesses } from './mfa/totp-guesses.service.js';
import { SecondStepController } from './mfa/second-step.controller.js';
import { SecondStep } from './mfa/second-step.service.js';
import { UserFactorsController } from './mfa/user-factors.controller.js';
import { WebAuthn } from './mfa/webauthn.js';
import { OwnSessionsController } from './own-sessions.controller.js';
import { PasswordCheck } from './password-check.js';
import { PasswordChangeService } from './password-change.service.js';
import { RefreshService } from './refresh.service.js';
import { SessionCookie } from './session-cookie.js';

/** The front door: logging in and out, refreshing, changing the password, and the guard that asks every request who it is. */
@Module({
  imports: [LimitsModule, UsersModule, SessionsModule, TokensModule, ClientsModule, PermissionsModule, AuditModule],
  controllers: [
    AuthController,
    OwnSessionsController,
    GatewayCheckController,
    ForcedExpirationsController,
    BrokerTokensController,
    SecondStepController,
    OwnFactorsController,
    UserFactorsController,
    PasskeyController,
  ],
  providers: [
    JwtStrategy,
    JwtAuthGuard,
    PasswordCheck,
    CurrentPassword,
    LoginService,
    LoginSteps,
    SecondFactors,
    TotpGuesses,
    GuessWarnings,
    SecondStep,
    Enrolment,
    FactorSetup,
    WebAuthn,
    Passkeys,
    PasskeyLogin,
    FactorReset,
    BrokerTokens,
    GatewayCheck,
    RefreshService,
    SessionCookie,
    PasswordChangeService,
    ForcedExpirationsService,
    LoginThrottle,
    ChangeTokens,
  ],
  exports: [CurrentPassword, JwtAuthGuard, LoginThrottle],
})
export class AuthModule {
  constructor(expired: ExpiredRows) {
    expired.deleteFrom('passkey_challenges', '1 hour');
  }
}
