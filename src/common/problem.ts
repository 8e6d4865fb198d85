import { HttpException } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

export class FieldError {
  @ApiProperty({ example: 'newPassword', description: 'The field, as a path into the request' })
  field: string;

  @ApiProperty({ example: 'must be at least 12 characters' })
  message: string;
}

/** The body of every error but those of OAuth endpoints (RFC 9457). */
export class ProblemDto {
  @ApiProperty({ example: 'urn:portcullis:problem:validation_failed', description: 'Names the kind of problem' })
  type: string;

  @ApiProperty({ example: 'Bad Request' })
  title: string;

  @ApiProperty({ example: 400 })
  status: number;

  @ApiProperty({ example: 'The request has fields that are not acceptable.' })
  detail: string;

  @ApiProperty({ example: 'validation_failed', description: 'Stable; made for programs' })
  code: string;

  @ApiProperty({ example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11', description: 'Names this request in the logs' })
  requestId: string;

  @ApiPropertyOptional({
    example: 'credentials_changed',
    description: 'Why a token with a valid signature was refused',
  })
  reason?: string;

  @ApiPropertyOptional({ type: [FieldError] })
  errors?: FieldError[];

  @ApiPropertyOptional({
    description: 'With `password_change_required`: what `/v1/auth/password/change` takes in place of a bearer',
  })
  changeToken?: string;

  @ApiPropertyOptional({
    description:
      'With `factor_enrolment_required`: what the routes that set up a second factor take in place of a bearer',
  })
  enrolmentToken?: string;
}

export interface ProblemExtras {
  reason?: string;
  errors?: FieldError[];
  changeToken?: string;
  enrolmentToken?: string;
  headers?: Record<string, string>;
  cause?: unknown;
}

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** An error that a client is told: a stable `code`, a sentence for people, and nothing of the inside. */
export class Problem extends HttpException {
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    readonly code: string,
    readonly detail: string,
    readonly extras: ProblemExtras = {},
  ) {
    super(detail, status, { cause: extras.cause });
    this.headers = extras.headers ?? {};
  }

  body(requestId: string): ProblemDto {
    const { reason, errors, changeToken, enrolmentToken } = this.extras;
    return {
      type: `urn:portcullis:problem:${this.code}`,
      title: TITLES[this.getStatus()] ?? 'Error',
      status: this.getStatus(),
      detail: this.detail,
      code: this.code,
      requestId,
      ...(reason !== undefined && { reason }),
      ...(errors !== undefined && { errors }),
      ...(changeToken !== undefined && { changeToken }),
      ...(enrolmentToken !== undefined && { enrolmentToken }),
    };
  }
}

export const invalidFields = (errors: FieldError[]): Problem =>
  new Problem(400, 'validation_failed', 'The request has fields that are not acceptable.', { errors });

export const notFound = (what: string): Problem => new Problem(404, 'not_found', `There is no such ${what}.`);

export const conflict = (code: string, detail: string, errors?: FieldError[]): Problem =>
  new Problem(409, code, detail, errors ? { errors } : {});

export const forbidden = (detail: string): Problem =>
  new Problem(403, 'insufficient_scope', detail, {
    headers: { 'www-authenticate': 'Bearer error="insufficient_scope"' },
  });

export const preconditionFailed = (): Problem =>
  new Problem(412, 'precondition_failed', 'It was changed since you read it. Read it again, then repeat the change.');

export const tooManyRequests = (retryAfterSeconds: number, headers: Record<string, string> = {}): Problem =>
  new Problem(429, 'too_many_requests', 'Too many attempts. Try again later.', {
    headers: { ...headers, 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) },
  });

export const unavailable = (detail: string, retryAfterSeconds = 1, cause?: unknown): Problem =>
  new Problem(503, 'unavailable', detail, {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) },
    cause,
  });

/** RFC 6750 section 3.1. The reason is told only when the signature was valid. */
export const invalidToken = (detail: string, reason?: string): Problem =>
  new Problem(401, 'invalid_token', detail, {
    ...(reason !== undefined && { reason }),
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  });

/** RFC 6750 section 3.1: a request without any token gets the challenge alone, without an error code. */
export const tokenRequired = (): Problem =>
  new Problem(401, 'token_required', 'This route needs a Bearer token.', { headers: { 'www-authenticate': 'Bearer' } });

/**
 * RFC 9470 section 3: the token is good, but whoever it belongs to must log in again, or with more.
 *
 * @param maxAgeSeconds how long ago the login may have been
 * @param secondFactor whether it must have been with a second factor
 */
export function insufficientAuthentication({
  maxAgeSeconds,
  secondFactor = false,
}: {
  maxAgeSeconds?: number | undefined;
  secondFactor?: boolean | undefined;
}): Problem {
  const maxAge = maxAgeSeconds === undefined ? '' : `, max_age=${maxAgeSeconds.toString()}`;
  const acr = secondFactor ? ', acr_values="mfa"' : '';
  const detail = secondFactor
    ? 'This needs a login with a second factor' + (maxAge === '' ? '.' : ', made a short time ago.')
    : 'This needs a login made a short time ago. Log in again.';
  return new Problem(401, 'insufficient_user_authentication', detail, {
    headers: { 'www-authenticate': `Bearer error="insufficient_user_authentication"${maxAge}${acr}` },
  });
}

/** RFC 6750 section 3.1: `scope` tells all that is needed. */
export function insufficientScope(required: readonly string[], missing: readonly string[]): Problem {
  const scope = required.length === 0 ? '' : `, scope="${required.join(' ')}"`;
  return new Problem(403, 'insufficient_scope', `This needs ${missing.join(', ')}.`, {
    headers: { 'www-authenticate': `Bearer error="insufficient_scope"${scope}` },
  });
}
