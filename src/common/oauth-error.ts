import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Problem, type ProblemExtras } from './problem.js';

/** The body of every error of the OAuth endpoints (RFC 6749 section 5.2). */
export class OAuthErrorDto {
  @ApiProperty({ example: 'invalid_client', description: 'Stable; made for programs' })
  error: string;

  @ApiPropertyOptional({ example: 'The client is not known here, or did not prove that it is this client.' })
  error_description?: string;
}

/** RFC 6749 section 5.2; RFC 8707 section 2 for `invalid_target`, RFC 7009 section 2.2.1 for `unsupported_token_type`. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unsupported_token_type';

/** An error of an OAuth endpoint, in its own words: 400, but for a client that failed to authenticate. */
export class OAuthError extends Problem {
  constructor(error: OAuthErrorCode, description: string, extras: ProblemExtras = {}) {
    super(error === 'invalid_client' ? 401 : 400, error, description, extras);
  }
}

/** Whether errors at this address are answered as OAuth has them, whatever goes wrong on the way. */
export function speaksOAuth(url: string): boolean {
  return url.startsWith('/oauth/');
}

/** Codes that mean the same in OAuth (RFC 6750 section 3.1). */
const SHARED = new Set(['invalid_token', 'insufficient_scope']);

/** What an OAuth endpoint says of a problem that the framework, a guard or the database has. */
export function oauthErrorOf(problem: Problem): OAuthErrorDto {
  const error = problem instanceof OAuthError || SHARED.has(problem.code) ? problem.code : generic(problem.getStatus());
  return { error, error_description: printable(problem.detail) };
}

function generic(status: number): string {
  if (status === 401) return 'invalid_client';
  // RFC 6749 has no code for these two at its token endpoint; the one that it has elsewhere says what is meant.
  if (status === 429 || status === 503) return 'temporarily_unavailable';
  return status >= 500 ? 'server_error' : 'invalid_request';
}

/** RFC 6749 section 5.2: %x20-21 / %x23-5B / %x5D-7E. */
function printable(description: string): string {
  return description.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'");
}
