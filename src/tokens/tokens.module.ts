import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { TypeOrmModule } from '@nestjs/typeorm';
import { TokenVerifier, WindowFollower } from '@portcullis/verifier';
import { ENV, type Env } from '../../config/env.js';
import { AuditModule } from '../audit/audit.module.js';
import { ClientsModule } from '../clients/clients.module.js';
import { ExpiredRows } from '../database/expired-rows.js';
import { KeysModule } from '../keys/keys.module.js';
import { KeysService } from '../keys/keys.service.js';
import { PermissionsModule } from '../permissions/permissions.module.js';
import { ValidityModule } from '../validity/validity.module.js';
import { AudienceTokens, LONGEST_TOKEN } from './audience-tokens.js';
import { ClientTokenMinter } from './client-token-minter.js';
import { ExplainService } from './explain.service.js';
import { GeneratedToken } from './generated-token.entity.js';
import { GeneratedTokensController } from './generated-tokens.controller.js';
import { GeneratedTokens } from './generated-tokens.service.js';
import { IssuedTokens } from './issued-tokens.js';
import { SingleUseTokens } from './single-use-tokens.js';
import { SubjectCheck } from './subject-check.service.js';
import { TokenAudiences } from './token-audiences.js';
import { TokenMinter } from './token-minter.js';
import { TokenOpener } from './token-opener.js';
import { TokenPress } from './token-press.js';
import { TokenRegister } from './token-register.js';
import { TokenSubjects } from './token-subjects.js';
import { TokensController } from './tokens.controller.js';

/** Tokens: minted from facts, generated on demand, verified by the core that microservices use too, explained. */
@Module({
  imports: [
    TypeOrmModule.forFeature([GeneratedToken]),
    KeysModule,
    ValidityModule,
    PermissionsModule,
    ClientsModule,
    AuditModule,
    JwtModule.register({}),
  ],
  controllers: [TokensController, GeneratedTokensController],
  providers: [
    TokenPress,
    AudienceTokens,
    TokenAudiences,
    TokenMinter,
    ClientTokenMinter,
    GeneratedTokens,
    TokenSubjects,
    TokenRegister,
    SingleUseTokens,
    TokenOpener,
    SubjectCheck,
    ExplainService,
    IssuedTokens,
    {
      provide: TokenVerifier,
      inject: [ENV, KeysService, WindowFollower],
      useFactory: (env: Env, keys: KeysService, follower: WindowFollower): TokenVerifier =>
        new TokenVerifier({
          issuer: env.issuer,
          audience: env.issuer,
          keys,
          follower,
          maxTokenLength: LONGEST_TOKEN,
          cache: { maxEntries: env.tokenCache.entries, maxBytes: env.tokenCache.bytes },
        }),
    },
  ],
  exports: [
    AudienceTokens,
    TokenMinter,
    ClientTokenMinter,
    TokenAudiences,
    GeneratedTokens,
    SingleUseTokens,
    IssuedTokens,
    TokenVerifier,
  ],
})
export class TokensModule {
  constructor(expired: ExpiredRows) {
    expired.deleteFrom('generated_tokens', '1 day');
    expired.deleteFrom('single_use_tokens', '1 day');
    expired.deleteFrom('token_revocations', '1 day');
  }
}
