import { Inject, Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { TokenVerifier, type Principal } from '@portcullis/verifier';
import { Strategy } from 'passport-jwt';
import { ENV, type Env } from '../../config/env.js';

/** What the guard hands to passport: of the request only what the strategy needs, so that a remembered token keeps nothing else alive. */
export interface TokenRequest {
  token: string;
  /** When the request arrived, on the monotonic clock (ms). */
  arrivedAt: number;
}

/**
 * passport-jwt's strategy with its verification replaced. Its own is jsonwebtoken, set by a static that all strategies of a process share; it
 * knows no EdDSA, and would check a signature by another path than microservices do. Here, as there, the key and its one algorithm
 * are found by `kid`, and the one refusal function decides.
 */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy) {
  constructor(
    private readonly verifier: TokenVerifier,
    @Inject(ENV) private readonly env: Env,
  ) {
    super({
      jwtFromRequest: (request: unknown) => (request as TokenRequest).token,
      secretOrKeyProvider: (_request: unknown, _token: unknown, done: (error: Error) => void) => {
        done(new Error('no key leaves the verifier'));
      },
    });
  }

  override authenticate(request: unknown): void {
    const { token, arrivedAt } = request as TokenRequest;
    this.verifier.verify(token, { arrivedAt, maxStalenessMs: this.env.maxStalenessMs }).then(
      (principal) => {
        this.success(principal);
      },
      (error: unknown) => {
        this.error(error as Error);
      },
    );
  }

  validate(principal: Principal): Principal {
    return principal;
  }
}
