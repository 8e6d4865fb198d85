import { Injectable } from '@nestjs/common';
import {
  TokenVerifier,
  VerificationError,
  VerifiedToken,
  allows,
  hasBrokerTokenClaims,
  type RefusalReason,
  type SubjectAction,
} from '@portcullis/verifier';
import { TokenOpener } from './token-opener.js';

export interface SubjectDecision {
  allowed: boolean;
  /** Why not: what refuses the token, or that it does not permit this. */
  reason?: RefusalReason | 'not_permitted';
}

/** Decides for a message broker that does not verify tokens by itself. */
@Injectable()
export class SubjectCheck {
  constructor(
    private readonly verifier: TokenVerifier,
    private readonly opener: TokenOpener,
  ) {}

  /** @param arrivedAt when the request arrived, on the monotonic clock (ms): the window is as it was after that */
  async check(token: string, action: SubjectAction, subject: string, arrivedAt: number): Promise<SubjectDecision> {
    const opened = await this.opener.open(token);
    if (!(opened instanceof VerifiedToken)) return { allowed: false, reason: opened };
    const { claims } = opened;
    if (!hasBrokerTokenClaims(claims)) return { allowed: false, reason: 'wrong_type' };
    await this.verifier.follower.freshSince(arrivedAt);
    try {
      this.verifier.decide(opened);
    } catch (error) {
      if (error instanceof VerificationError) return { allowed: false, reason: error.reason };
      throw error;
    }
    return allows(claims.permissions, action, subject)
      ? { allowed: true }
      : { allowed: false, reason: 'not_permitted' };
  }
}
