import { SYSTEM } from '../common/principal.js';
import { GenerateTokenDto } from '../tokens/generated-tokens.dto.js';
import { GeneratedTokens } from '../tokens/generated-tokens.service.js';
import { orderOf } from '../tokens/generation-order.js';
import { warningsField } from '../tokens/minted-token.js';
import { withApplication } from './application.js';
import { checked } from './checked.js';
import { CliError } from './cli-error.js';
import { readJson } from './input.js';
import type { SignOptions } from './sign-options.js';

interface SignedToken {
  access_token: string;
  expires_in: number;
  jti: string;
  warnings?: string[];
}

/** A token that the service records, and that can be revoked. @throws CliError, Problem 400 by the rules of `POST /v1/tokens` */
export async function generateToken({
  audience,
  subject,
  ttl,
  role,
  permission,
  permissions,
  claims,
}: SignOptions): Promise<SignedToken> {
  if (audience === undefined) throw new CliError('Say with --audience whom the token is for.');
  if (subject === undefined) throw new CliError('Say with --subject whom the token is about.');
  const dto = await checked(GenerateTokenDto, {
    audience,
    subject,
    ttlSeconds: ttl,
    roles: role,
    permissions: permissions === undefined ? permission : readJson(permissions),
    claims: claims === undefined ? undefined : readJson(claims),
  });
  return withApplication(async (application) => {
    // The operator's right rests on no token, so that no event ends it.
    const authority = { actor: SYSTEM, asOf: 0, events: [], roles: [], tokenId: null };
    const { accessToken, expiresIn, jti, warnings } = await application
      .get(GeneratedTokens, { strict: false })
      .generate(authority, orderOf(dto));
    return { access_token: accessToken, expires_in: expiresIn, jti, ...warningsField(warnings) };
  });
}
