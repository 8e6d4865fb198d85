import { invalidFields } from '../common/problem.js';
import type { GenerateTokenDto } from './generated-tokens.dto.js';
import type { GenerationOrder } from './generated-tokens.service.js';
import { readTokenPermissions } from './token-permissions.js';

/** What a request asks for. @throws Problem 400 for permissions that are none */
export function orderOf(dto: GenerateTokenDto): GenerationOrder {
  const permissions = readTokenPermissions(dto.permissions);
  if ('errors' in permissions) throw invalidFields(permissions.errors);
  return {
    audience: dto.audience,
    subject: dto.subject ?? null,
    ttlSeconds: dto.ttlSeconds,
    roles: dto.roles ?? [],
    permissions,
    // Upwards, so that no token is good a moment too early.
    notBefore: dto.notBefore === undefined ? null : Math.ceil(Date.parse(dto.notBefore) / 1000),
    claims: dto.claims ?? {},
  };
}
