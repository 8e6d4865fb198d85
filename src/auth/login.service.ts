import { Injectable } from '@nestjs/common';
import { TokenAudiences } from '../tokens/token-audiences.js';
import type { FactorRequiredDto, LoginDto, TokenPairDto } from './auth.dto.js';
import { LoginSteps } from './login-steps.service.js';
import { PasswordCheck, type Caller } from './password-check.js';

/** The first step of a login: the password. */
@Injectable()
export class LoginService {
  constructor(
    private readonly passwords: PasswordCheck,
    private readonly audiences: TokenAudiences,
    private readonly steps: LoginSteps,
  ) {}

  /** @throws Problem 400, 401 `invalid_credentials`, 403 `password_change_required` or `factor_enrolment_required`, 429, 503 */
  async login(dto: LoginDto, caller: Caller): Promise<TokenPairDto | FactorRequiredDto> {
    const audience = await this.audiences.require(dto.audience);
    const { username, email = '' } = dto;
    const name = username === undefined ? { email } : { username };
    const { id, sessionEpoch, asOf } = await this.passwords.prove(name, dto.password, caller, 'login.failed');
    const proof = { userId: id, sessionEpoch, asOf, amr: ['pwd'], audience, ...(dto.mode && { mode: dto.mode }) };
    return this.steps.take({ proof, caller, action: 'login.succeeded' });
  }
}
