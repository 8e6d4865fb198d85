import { Global, Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import type { Logger } from 'pino';
import { ENV, type Env } from '../config/env.js';
import { AuditModule } from './audit/audit.module.js';
import { AccountsModule } from './auth/accounts/accounts.module.js';
import { AuthModule } from './auth/auth.module.js';
import { JwtAuthGuard } from './auth/jwt-auth.guard.js';
import { OAuthModule } from './auth/oauth/oauth.module.js';
import { ClientsModule } from './clients/clients.module.js';
import { Clock } from './common/clock.js';
import { LOGGER } from './common/logging.js';
import { MasterKeyModule } from './common/master-key.module.js';
import { Metrics } from './common/metrics.js';
import { ProblemFilter } from './common/problem.filter.js';
import { RefusedTokens } from './common/refused-tokens.js';
import { validationPipe } from './common/validation.js';
import { CONNECTION, type PostgresConnection } from './database/connection.js';
import { DatabaseModule } from './database/database.module.js';
import { HealthModule } from './health/health.module.js';
import { KeysModule } from './keys/keys.module.js';
import { LandingController } from './landing.controller.js';
import { LimitsModule } from './limits/limits.module.js';
import { RateLimitGuard } from './limits/rate-limit.guard.js';
import { MailModule } from './mail/mail.module.js';
import { PermissionsGuard } from './permissions/permissions.guard.js';
import { PermissionsModule } from './permissions/permissions.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { TokensModule } from './tokens/tokens.module.js';
import { UsersModule } from './users/users.module.js';
import { ValidityModule } from './validity/validity.module.js';

/** What the process gives to the application. */
export interface Surroundings {
  env: Env;
  connection: PostgresConnection;
  logger: Logger;
  clock: Clock;
}

/** What every room may inject without importing anything. */
@Global()
@Module({})
class GroundModule {
  static of({ env, connection, logger, clock }: Surroundings): DynamicModule {
    return {
      module: GroundModule,
      providers: [
        { provide: ENV, useValue: env },
        { provide: CONNECTION, useValue: connection },
        { provide: LOGGER, useValue: logger },
        { provide: Clock, useValue: clock },
        Metrics,
        RefusedTokens,
      ],
      exports: [ENV, CONNECTION, LOGGER, Clock, Metrics, RefusedTokens],
    };
  }
}

/** The map: the rooms, and what every request passes on its way to one of them. */
@Module({})
export class AppModule {
  static in(surroundings: Surroundings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        GroundModule.of(surroundings),
        DatabaseModule,
        MasterKeyModule,
        LimitsModule,
        AuditModule,
        ValidityModule,
        KeysModule,
        PermissionsModule,
        ClientsModule,
        TokensModule,
        UsersModule,
        SessionsModule,
        MailModule,
        AuthModule,
        OAuthModule,
        AccountsModule,
        HealthModule,
      ],
      controllers: [LandingController],
      providers: [
        // Guards in the order in which they run: who is it, is it too often, then may they.
        { provide: APP_GUARD, useExisting: JwtAuthGuard },
        { provide: APP_GUARD, useExisting: RateLimitGuard },
        { provide: APP_GUARD, useExisting: PermissionsGuard },
        { provide: APP_PIPE, useFactory: validationPipe },
        { provide: APP_FILTER, useClass: ProblemFilter },
      ],
    };
  }
}
