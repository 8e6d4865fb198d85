import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { TokenVerifier, WindowFollower } from '@portcullis/verifier';
import { ENV, type Env } from '../../config/env.js';
import { KeysModule } from '../keys/keys.module.js';
import { KeysService } from '../keys/keys.service.js';
import { ValidityModule } from '../validity/validity.module.js';
import { ClientTokenMinter } from './client-token-minter.js';
import { ExplainService } from './explain.service.js';
import { IssuedTokens } from './issued-tokens.js';
import { SingleUseTokens } from './single-use-tokens.js';
import { TokenAudiences } from './token-audiences.js';
import { TokenMinter } from './token-minter.js';
import { TokenPress } from './token-press.js';
import { TokenSweeper } from './token-sweeper.js';
import { TokensController } from './tokens.controller.js';

/** Tokens: minted from facts, verified by the core that microservices use too, explained. */
@Module({
  imports: [KeysModule, ValidityModule, JwtModule.register({})],
  controllers: [TokensController],
  providers: [
    TokenPress,
    TokenAudiences,
    TokenMinter,
    ClientTokenMinter,
    SingleUseTokens,
    TokenSweeper,
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
          // As long as the header may be that carries it.
          maxTokenLength: 60 * 1024,
          cache: { maxEntries: env.tokenCache.entries, maxBytes: env.tokenCache.bytes },
        }),
    },
  ],
  exports: [TokenMinter, ClientTokenMinter, TokenAudiences, SingleUseTokens, IssuedTokens, TokenVerifier],
})
export class TokensModule {}
