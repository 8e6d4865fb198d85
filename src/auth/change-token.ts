import { createSecretKey } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { ServerSecrets } from '../common/server-secrets.js';
import type { TokenMode } from './session-cookie.js';

const TYPE = 'password-change+jwt';

/** Seconds. Long enough to think of a password. */
const LIFETIME = 10 * 60;

export interface ChangeGrant {
  userId: string;
  sessionEpoch: string;
  /** The methods by which the login was made that asks for the change (RFC 8176). */
  amr: string[];
  /** When it was, seconds since 1970; null in tokens of the version before. */
  authTime: number | null;
  /** How it wants its tokens handed over; null: it has not said so. */
  mode: TokenMode | null;
}

/**
 * What a login with the right password gives when that password must be changed first: leave to change it, and nothing else. It names the epoch of
 * the credentials, which the change itself moves on: so it works once. Its type and key keep it apart from access tokens (RFC 8725 section 3.11).
 */
@Injectable()
export class ChangeTokens {
  private readonly jwt: JwtService;

  constructor(secrets: ServerSecrets) {
    const secret = createSecretKey(secrets.get('password-change-token'));
    this.jwt = new JwtService({
      secret,
      signOptions: { algorithm: 'HS256', expiresIn: LIFETIME, header: { alg: 'HS256', typ: TYPE } },
      verifyOptions: { algorithms: ['HS256'], complete: true },
    });
  }

  issue(grant: ChangeGrant): string {
    return this.jwt.sign(
      { epoch: grant.sessionEpoch, amr: grant.amr, auth_time: grant.authTime, mode: grant.mode },
      { subject: grant.userId },
    );
  }

  /** The grant, or null when the token is not one of these or has expired. */
  read(token: string): ChangeGrant | null {
    try {
      const { header, payload } = this.jwt.verify<{
        header: { typ?: string };
        payload: { sub: string; epoch: string; amr?: string[]; auth_time?: number | null; mode?: TokenMode | null };
      }>(token);
      const { sub: userId, epoch: sessionEpoch, amr = ['pwd'], auth_time: authTime = null, mode = null } = payload;
      return header.typ === TYPE ? { userId, sessionEpoch, amr, authTime, mode } : null;
    } catch {
      return null;
    }
  }
}
