import { bearerOf, type HeadersOfRequest } from './bearer.js';
import { StaleWindowError, VerificationError } from './errors.js';
import { assertKnownNames } from './option-checks.js';
import type { Principal } from './principal.js';
import type { RefusalReason } from './refusal-reason.js';
import { assertStaleness, type VerifyTokenOptions } from './verifier-options.js';

/* What the adapters for web frameworks share: which token a request brings, whether it may pass, and the answer when it may not. */

/** What a route asks of its caller: each of the names, and how fresh the knowledge must be. */
export interface Requirements extends VerifyTokenOptions {
  readonly permissions?: readonly string[] | undefined;
  readonly roles?: readonly string[] | undefined;
  /** Like `permissions`, by the token's `scope`. */
  readonly scopes?: readonly string[] | undefined;
}

/** Whoever verifies: a `Verifier` for access tokens. */
export interface AccessVerifier {
  readonly audience: string;
  readonly tokenType?: 'access' | 'broker';
  verify(token: string, options?: VerifyTokenOptions): Promise<Principal>;
}

/** The body of a refusal (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Stable, for programs: `token_required`, `invalid_token`, `insufficient_scope` or `unavailable`. */
  readonly code: string;
  /** Why a token with a good signature is refused. */
  readonly reason?: RefusalReason;
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** The request may not pass. `status`, `statusCode` and `headers` are where the frameworks' own error handlers look for them. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
  readonly status: number;
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly problem: Problem,
    headers: Record<string, string>,
    options?: ErrorOptions,
  ) {
    super(problem.detail, options);
    this.status = problem.status;
    this.statusCode = problem.status;
    this.headers = { ...headers, 'cache-control': 'no-store' };
  }
}

/**
 * Who makes the request.
 *
 * @throws AccessError when it may not pass: 401, 403 or 503
 */
export async function authorize(
  verifier: AccessVerifier,
  request: HeadersOfRequest,
  requirements: Requirements,
): Promise<Principal> {
  const bearer = bearerOf(request);
  if (bearer === 'absent') throw tokenRequired(verifier.audience);
  if (bearer === 'ambiguous') throw invalidToken();
  const { maxStaleness, onStale } = requirements;
  try {
    const principal = await verifier.verify(bearer.token, { maxStaleness, onStale });
    assertHolds(principal, requirements);
    return principal;
  } catch (error) {
    if (error instanceof VerificationError) throw invalidToken(error.signatureValid ? error.reason : undefined, error);
    if (error instanceof StaleWindowError) throw unavailable(error);
    throw error;
  }
}

/**
 * Whether the principal has all that is required.
 *
 * @throws AccessError 401 when what is missing was taken away since the token was minted, so that the client gets a new one; 403 when a
 *   new token would not help
 */
export function assertHolds(principal: Principal, required: Requirements): void {
  const { stripped } = principal;
  const { permissions = [], roles = [], scopes = [] } = required;
  const scope = new Set(principal.scope.split(' '));
  const missing = [
    ...permissions.filter((name) => !principal.permissions.has(name)),
    ...scopes.filter((name) => !scope.has(name)),
    ...roles.filter((name) => !principal.roles.includes(name)).map((role) => ({ role })),
  ];
  if (missing.length === 0) return;
  const never = missing.filter((name) =>
    typeof name === 'string' ? !stripped.permissions.has(name) : !stripped.roles.has(name.role),
  );
  if (never.length === 0) throw invalidToken('role_changed');
  const names = new Set(never.map((name) => (typeof name === 'string' ? name : `the role ${name.role}`)));
  throw insufficientScope([...names], [...new Set([...permissions, ...scopes])]);
}

/** @throws TypeError for a verifier of brokers' tokens: what they permit is no access to routes */
export function assertVerifiesAccess({ tokenType }: Pick<AccessVerifier, 'tokenType'>): void {
  if (tokenType === 'broker') throw new TypeError("a verifier of brokers' tokens cannot guard routes");
}

const REQUIREMENTS = new Set(['permissions', 'roles', 'scopes', 'onStale', 'maxStaleness']);
/** RFC 6749 section 3.3: what a name in `scope` is made of. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/**
 * The same requirements, checked when a route is set up: a misspelt one would require nothing.
 *
 * @throws TypeError that says which
 */
export function checkedRequirements(requirements: Requirements): Requirements {
  const given: Record<string, unknown> = { ...requirements };
  assertKnownNames('requirement', given, REQUIREMENTS);
  for (const name of ['permissions', 'roles', 'scopes']) {
    const names = given[name] ?? [];
    if (!Array.isArray(names) || !names.every((one) => typeof one === 'string' && one !== '')) {
      throw new TypeError(`${name} is a list of names`);
    }
    if (name !== 'roles' && !names.every((one: string) => SCOPE_TOKEN.test(one))) {
      throw new TypeError(`${name}: a name holds neither spaces nor quotes`);
    }
  }
  assertStaleness(requirements);
  return requirements;
}

/** RFC 6750 section 3.1: a request that brings no token is told no error code; section 3 wants a parameter nevertheless. */
function tokenRequired(audience: string): AccessError {
  const realm = audience.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&');
  return new AccessError(problem(401, 'token_required', 'Unauthorized', 'This needs a Bearer token.'), {
    'www-authenticate': `Bearer realm="${realm}"`,
  });
}

/** RFC 6750 section 3.1. The reason is told only to a bearer whose token has a good signature. */
function invalidToken(reason?: RefusalReason, cause?: unknown): AccessError {
  return new AccessError(
    {
      ...problem(401, 'invalid_token', 'Unauthorized', 'The token is not accepted.'),
      ...(reason !== undefined && { reason }),
    },
    { 'www-authenticate': 'Bearer error="invalid_token"' },
    { cause },
  );
}

/** RFC 6750 section 3.1: `scope` tells all that is needed. */
function insufficientScope(missing: readonly string[], needed: readonly string[]): AccessError {
  const scope = needed.length === 0 ? '' : `, scope="${needed.join(' ')}"`;
  return new AccessError(problem(403, 'insufficient_scope', 'Forbidden', `This needs ${missing.join(', ')}.`), {
    'www-authenticate': `Bearer error="insufficient_scope"${scope}`,
  });
}

function unavailable(cause: StaleWindowError): AccessError {
  const detail = 'Whether tokens are still valid cannot be known right now.';
  return new AccessError(problem(503, 'unavailable', 'Service Unavailable', detail), { 'retry-after': '1' }, { cause });
}

function problem(status: number, code: string, title: string, detail: string): Problem {
  return { type: `urn:portcullis:problem:${code}`, title, status, detail, code };
}
