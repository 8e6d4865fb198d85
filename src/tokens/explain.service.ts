import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { InjectDataSource } from '@nestjs/typeorm';
import {
  TokenVerifier,
  VerificationError,
  VerifiedToken,
  readTokenClaims,
  type RefusalReason,
  type TokenClaims,
} from '@portcullis/verifier';
import type { DataSource } from 'typeorm';
import { UUID } from '../common/pagination.js';
import { explain, subjectKind, type Answer, type SubjectRow } from './explanation.js';
import { TokenOpener } from './token-opener.js';

export interface Explained {
  accepted: boolean;
  reason?: RefusalReason;
  questions: Answer[];
}

/** Says of a token why it is accepted or refused. The decision is that of the verifier; the answers only explain it. */
@Injectable()
export class ExplainService {
  constructor(
    private readonly verifier: TokenVerifier,
    private readonly opener: TokenOpener,
    private readonly jwt: JwtService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  async explain(token: string): Promise<Explained> {
    const { follower } = this.verifier;
    await follower.freshSince(follower.monotonic());
    const opened = await this.opener.open(token);
    const verified = opened instanceof VerifiedToken ? opened : null;
    const reason = verified ? this.refusalOf(verified) : (opened as RefusalReason);
    const seen = this.decode(token);
    const claims = verified?.claims ?? seen.claims;
    const signatureRefusal = verified || reason === null ? null : signatureProblem(reason);
    const questions = explain({
      claims,
      signatureRefusal,
      kid: seen.kid,
      algorithm: seen.algorithm,
      verified,
      subject: verified && subjectKind(verified.claims) === 'user' ? await this.subjectOf(verified.claims) : null,
      window: follower.window,
      now: follower.now() / 1000,
    });
    return { accepted: reason === null, ...(reason !== null && { reason }), questions };
  }

  private refusalOf(verified: VerifiedToken): RefusalReason | null {
    try {
      this.verifier.decide(verified);
      return null;
    } catch (error) {
      if (error instanceof VerificationError) return error.reason;
      throw error;
    }
  }

  /** What stands in the token, unverified: a token with a bad signature may be expired as well, and its owner wants to see both. */
  private decode(token: string): { kid: string | null; algorithm: string | null; claims: TokenClaims | null } {
    try {
      const { header, payload } = this.jwt.decode<{ header: Record<string, unknown>; payload: unknown }>(token, {
        complete: true,
      });
      const { kid, alg } = header;
      const claims = typeof payload === 'object' ? readTokenClaims(payload) : undefined;
      return {
        kid: typeof kid === 'string' ? kid : null,
        algorithm: typeof alg === 'string' ? alg : null,
        claims: claims ?? null,
      };
    } catch {
      return { kid: null, algorithm: null, claims: null };
    }
  }

  private async subjectOf(claims: TokenClaims): Promise<SubjectRow | null> {
    if (!UUID.test(claims.sub)) return null;
    const [row] = await this.dataSource.query<SubjectRow[]>(
      'SELECT status, credentials_changed_at AS "credentialsChangedAt" FROM users WHERE id = $1',
      [claims.sub],
    );
    return row ?? null;
  }
}

const SIGNATURE_PROBLEMS: ReadonlySet<RefusalReason> = new Set(['malformed', 'unknown_key', 'bad_signature']);

function signatureProblem(reason: RefusalReason): RefusalReason | null {
  return SIGNATURE_PROBLEMS.has(reason) ? reason : null;
}
