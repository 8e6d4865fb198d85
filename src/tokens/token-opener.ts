import { Injectable } from '@nestjs/common';
import {
  TokenVerifier,
  VerificationError,
  VerifiedToken,
  addresseeRefusal,
  audienceOf,
  hasAccessTokenClaims,
  isAccessTokenType,
  isBrokerTokenType,
  readTokenClaims,
  type RefusalReason,
  type SignedToken,
} from '@portcullis/verifier';

/** Opens the tokens of this issuer, of either kind and for whatever audience. The guard opens access tokens for the issuer alone. */
@Injectable()
export class TokenOpener {
  constructor(private readonly verifier: TokenVerifier) {}

  /**
   * The token as any of its own audiences would take it, or why none would. That says nothing about whether it was ended.
   *
   * @throws StaleWindowError when the keys cannot be reached
   */
  async open(token: string): Promise<VerifiedToken | RefusalReason> {
    let signed: SignedToken;
    try {
      signed = await this.verifier.openSigned(token);
    } catch (error) {
      if (error instanceof VerificationError) return error.reason;
      throw error;
    }
    const { jws, key } = signed;
    const isAccessToken = isAccessTokenType(jws.header.typ);
    if (!isAccessToken && !isBrokerTokenType(jws.header.typ)) return 'wrong_type';
    const claims = readTokenClaims(jws.payload);
    // Of each kind the permissions have a form of their own: neither passes for the other.
    if (!claims || hasAccessTokenClaims(claims) !== isAccessToken) return 'malformed';
    const [audience] = audienceOf(claims);
    if (audience === undefined) return 'wrong_audience';
    const refusal = addresseeRefusal(claims, { issuer: this.verifier.issuer, audience, keyAudience: key.audience });
    return refusal ?? new VerifiedToken(claims, key.kid, key.audience);
  }
}
