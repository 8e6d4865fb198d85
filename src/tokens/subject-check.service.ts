import { isDeepStrictEqual } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import {
  TokenVerifier,
  VerificationError,
  VerifiedToken,
  allows,
  audienceOf,
  hasBrokerTokenClaims,
  type RefusalReason,
  type SubjectAction,
} from '@portcullis/verifier';
import { ENV, type Env } from '../../config/env.js';
import { prepared } from '../database/prepared.js';
import { TokenOpener } from './token-opener.js';

export interface SubjectQuestion {
  token: string;
  action: SubjectAction;
  subject: string;
  /** Of the broker that asks. */
  audience?: string | undefined;
}

export interface SubjectDecision {
  allowed: boolean;
  /** Why not: what refuses the token, or that it does not permit this. */
  reason?: RefusalReason | 'not_permitted';
}

/** Decides for a message broker that does not verify tokens by itself. */
@Injectable()
export class SubjectCheck {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly verifier: TokenVerifier,
    private readonly opener: TokenOpener,
  ) {}

  /** @param arrivedAt when the request arrived, on the monotonic clock (ms): the window is as it was after that */
  async check({ token, action, subject, audience }: SubjectQuestion, arrivedAt: number): Promise<SubjectDecision> {
    const opened = await this.opener.open(token);
    if (!(opened instanceof VerifiedToken)) return { allowed: false, reason: opened };
    const { claims } = opened;
    if (!hasBrokerTokenClaims(claims)) return { allowed: false, reason: 'wrong_type' };
    if (!(await this.isFor(opened, audience))) return { allowed: false, reason: 'wrong_audience' };
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

  /**
   * A broker that does not say who it is hears about the tokens that were made here, for whatever audience: they took a right. But whoever knows the
   * secret of an audience writes what tokens they like for that one, and so of these it hears only when they are on record, unchanged.
   */
  private async isFor({ claims, keyAudience }: VerifiedToken, audience: string | undefined): Promise<boolean> {
    if (audience !== undefined) return audienceOf(claims).includes(audience);
    if (keyAudience === null) return true;
    const [recorded] = await prepared<{ permissions: unknown }>(
      this.dataSource,
      this.env,
      'recorded_permissions',
      RECORDED,
      [claims.jti, keyAudience],
    );
    return recorded !== undefined && isDeepStrictEqual(recorded.permissions, claims.permissions);
  }
}

const RECORDED = 'SELECT permissions FROM generated_tokens WHERE jti = $1 AND audience = $2';
