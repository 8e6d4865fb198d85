import { describe, expect, it } from '@jest/globals';
import { StaleWindowError, VerificationError } from './errors.js';
import { AccessError, assertHolds, authorize, checkedRequirements, type Requirements } from './http-access.js';
import { principalOf, withoutStripped, type Principal } from './principal.js';

const request = (...values: string[]) => ({
  headers: { authorization: values[0] },
  rawHeaders: ['Host', 'localhost', ...values.flatMap((value) => ['Authorization', value])],
});

const names = (...given: string[]): ReadonlySet<string> => new Set(given);

function principal(stripped: { roles?: string[]; permissions?: string[] } = {}): Principal {
  const whole = principalOf(
    {
      iss: 'https://auth.example',
      sub: 'u1',
      aud: 'urn:orders',
      exp: 300,
      iat: 0,
      jti: 't1',
      client_id: 'portcullis',
      roles: ['support', 'sales'],
      permissions: ['orders:read', 'orders:write'],
      scope: 'orders:read orders:write',
    },
    10,
  );
  return withoutStripped(whole, {
    roles: names(...(stripped.roles ?? [])),
    permissions: names(...(stripped.permissions ?? [])),
  });
}

/** What the client is told. */
function refusal(work: () => void): object {
  try {
    work();
  } catch (error) {
    if (error instanceof AccessError) {
      return {
        status: error.status,
        code: error.problem.code,
        detail: error.problem.detail,
        reason: error.problem.reason,
        challenge: error.headers['www-authenticate'],
      };
    }
    throw error;
  }
  return { status: 200 };
}

describe('what a route requires', () => {
  it.each<[Requirements, number]>([
    [{}, 200],
    [{ permissions: [] }, 200],
    [{ permissions: ['orders:read', 'orders:write'], roles: ['support'], scopes: ['orders:read'] }, 200],
    [{ permissions: ['orders:read', 'orders:delete'] }, 403],
    [{ roles: ['support', 'admin'] }, 403],
    [{ scopes: ['orders:delete'] }, 403],
    [{ scopes: ['orders'] }, 403],
    [{ permissions: ['toString'] }, 403],
  ])('%j: %d', (required, status) => {
    expect(refusal(() => assertHolds(principal(), required))).toMatchObject({ status });
  });

  it('is told to who lacks it', () => {
    const required = { permissions: ['orders:read', 'orders:delete'], roles: ['admin'], scopes: ['orders:delete'] };
    expect(refusal(() => assertHolds(principal(), required))).toEqual({
      status: 403,
      code: 'insufficient_scope',
      detail: 'This needs orders:delete, the role admin.',
      reason: undefined,
      challenge: 'Bearer error="insufficient_scope", scope="orders:read orders:delete"',
    });
    expect(refusal(() => assertHolds(principal(), { roles: ['admin'] }))).toMatchObject({
      challenge: 'Bearer error="insufficient_scope"',
    });
  });

  it.each<[Requirements, number, string | undefined]>([
    [{ permissions: ['orders:write'] }, 401, 'role_changed'],
    [{ scopes: ['orders:write'] }, 401, 'role_changed'],
    [{ roles: ['support'] }, 401, 'role_changed'],
    [{ roles: ['support'], permissions: ['orders:write'] }, 401, 'role_changed'],
    // A new token would not help with the other.
    [{ roles: ['support', 'admin'] }, 403, undefined],
    // Roles and permissions may be of one name.
    [{ roles: ['orders:write'] }, 403, undefined],
    [{ permissions: ['support'] }, 403, undefined],
    [{ roles: ['sales'], permissions: ['orders:read'] }, 200, undefined],
    [{}, 200, undefined],
  ])('of an older token whose role was taken away: %j: %d', (required, status, reason) => {
    const older = principal({ roles: ['support'], permissions: ['orders:write'] });
    const told = refusal(() => assertHolds(older, required));
    expect(told).toMatchObject({ status, ...(status !== 200 && { reason }) });
  });

  it.each<[object, string]>([
    [{ permission: ['orders:read'] }, 'no requirement "permission"'],
    [{ permissions: 'orders:read' }, 'list of names'],
    [{ roles: [''] }, 'list of names'],
    [{ scopes: [1] }, 'list of names'],
    [{ permissions: ['orders read'] }, 'neither spaces nor quotes'],
    [{ scopes: ['a"b'] }, 'neither spaces nor quotes'],
    [{ onStale: 'accept' }, 'onStale'],
    [{ maxStaleness: -1 }, 'maxStaleness'],
    [{ maxStaleness: NaN }, 'maxStaleness'],
  ])('is not %j', (requirements, message) => {
    expect(() => checkedRequirements(requirements)).toThrow(message);
  });

  it('may be all of this', () => {
    const all = {
      permissions: ['a:b'],
      roles: ['Head of sales'],
      scopes: ['c'],
      onStale: 'introspect',
      maxStaleness: 0,
    } as const;
    expect(checkedRequirements(all)).toBe(all);
  });
});

describe('a request', () => {
  const told = async (outcome: Principal | Error, ...headers: string[]): Promise<object> => {
    const verify = (): Promise<Principal> =>
      outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
    const error: unknown = await authorize({ audience: 'urn:"orders"', verify }, request(...headers), {}).catch(
      (error: unknown) => error,
    );
    if (!(error instanceof AccessError)) return { error };
    return { headers: error.headers, problem: error.problem, cause: error.cause };
  };

  it('without a token gets the challenge and no error code', async () => {
    expect(await told(principal())).toEqual({
      headers: { 'www-authenticate': 'Bearer realm="urn:\\"orders\\""', 'cache-control': 'no-store' },
      problem: {
        type: 'urn:portcullis:problem:token_required',
        title: 'Unauthorized',
        status: 401,
        detail: 'This needs a Bearer token.',
        code: 'token_required',
      },
      cause: undefined,
    });
  });

  it('with a refused token learns the reason only if its signature is good', async () => {
    const challenge = { 'www-authenticate': 'Bearer error="invalid_token"', 'cache-control': 'no-store' };
    const genuine = new VerificationError('user_disabled', { signatureValid: true });
    expect(await told(genuine, 'Bearer a')).toMatchObject({
      headers: challenge,
      problem: { status: 401, code: 'invalid_token', reason: 'user_disabled' },
      cause: genuine,
    });
    const forged = (await told(new VerificationError('bad_signature', { signatureValid: false }), 'Bearer a')) as {
      problem: object;
    };
    expect(forged).toMatchObject({ headers: challenge, problem: { status: 401, code: 'invalid_token' } });
    expect(forged.problem).not.toHaveProperty('reason');
    expect(await told(principal(), 'Bearer a', 'Bearer a')).toMatchObject({ problem: { code: 'invalid_token' } });
  });

  it('that cannot be decided is to be repeated', async () => {
    expect(await told(new StaleWindowError('cut'), 'Bearer a')).toMatchObject({
      headers: { 'retry-after': '1', 'cache-control': 'no-store' },
      problem: { status: 503, code: 'unavailable' },
    });
  });

  it('is not answered for a fault of ours', async () => {
    const fault = new TypeError('ours');
    expect(await told(fault, 'Bearer a')).toEqual({ error: fault });
  });
});
