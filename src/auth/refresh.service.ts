import { Injectable } from '@nestjs/common';
import type { Actor } from '../common/principal.js';
import { Problem } from '../common/problem.js';
import { SessionsService } from '../sessions/sessions.service.js';
import type { MintedToken } from '../tokens/minted-token.js';
import { TokenAudiences } from '../tokens/token-audiences.js';
import { TokenMinter } from '../tokens/token-minter.js';
import type { TokenPairDto } from './auth.dto.js';
import { tokenPair } from './login-steps.service.js';

const invalidGrant = (): Problem => new Problem(401, 'invalid_grant', 'The refresh token is not valid. Log in again.');

/** Whether another login is needed, unless the session lives and may give tokens again. */
export const isInvalidGrant = (error: unknown): boolean => error instanceof Problem && error.code === 'invalid_grant';

@Injectable()
export class RefreshService {
  constructor(
    private readonly sessions: SessionsService,
    private readonly minter: TokenMinter,
    private readonly audiences: TokenAudiences,
  ) {}

  /** @throws Problem 400 for an unknown audience or one beyond the session, 401 `invalid_grant`, 429 */
  async refresh(refreshToken: string, wanted: string[] | undefined, actor: Actor): Promise<TokenPairDto> {
    const forOthers = wanted && (await this.mintFor(wanted, refreshToken));
    const next = await this.sessions.refresh(refreshToken, actor);
    const minted = next && (wanted ? forOthers : await this.minter.mint(next.sessionId));
    // Ended meanwhile, at the latest between the rotation and the reading of the facts.
    if (!minted) throw invalidGrant();
    return tokenPair(minted, next.refreshToken);
  }

  /** Before the refresh token is used up, so that a request which asks for what it cannot have costs nobody a session. */
  private async mintFor(wanted: readonly string[], refreshToken: string): Promise<MintedToken | null> {
    const audience = await this.audiences.require(wanted);
    const session = await this.sessions.inspect(refreshToken);
    return session && this.minter.mint(session.sessionId, { audience });
  }
}
