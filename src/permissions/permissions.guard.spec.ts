import { describe, expect, it } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Public, Requires } from '../common/access.js';
import { Clock } from '../common/clock.js';
import type { Problem } from '../common/problem.js';
import type { RefusedTokens } from '../common/refused-tokens.js';
import type { DeniedAttempt, DeniedAttempts } from './denied-attempts.js';
import { PermissionsGuard } from './permissions.guard.js';

function routeWith(...decorators: MethodDecorator[]): () => void {
  const handler = (): undefined => undefined;
  for (const decorate of decorators) decorate({}, 'handler', { value: handler });
  return handler;
}

const open = routeWith(Public());
const guarded = routeWith(Requires('users:read', 'users:write'));
const undecided = routeWith();

function ask(handler: () => void, permissions?: string[], stripped: string[] = []) {
  const noted: DeniedAttempt[] = [];
  const refusals: string[] = [];
  const refused = { note: (reason: string) => refusals.push(reason) } as unknown as RefusedTokens;
  const denied = { note: (attempt: DeniedAttempt) => noted.push(attempt) } as unknown as DeniedAttempts;
  const principal = permissions && {
    subject: 'someone',
    clientId: 'portcullis',
    sessionId: null,
    permissions: new Set(permissions),
    stripped: { roles: new Set(), permissions: new Set(stripped) },
  };
  const request = { id: 'r1', ip: '::1', socket: {}, method: 'POST', routeOptions: { url: '/v1/users' }, principal };
  const context = {
    getHandler: () => handler,
    getClass: () => PermissionsGuard,
    switchToHttp: () => ({ getRequest: () => request }),
  } as unknown as ExecutionContext;
  const guard = new PermissionsGuard(new Reflector(), denied, refused, new Clock());
  try {
    return { allowed: guard.canActivate(context), noted, refusals };
  } catch (error) {
    const { code, headers, extras } = error as Partial<Problem>;
    return { code, challenge: headers?.['www-authenticate'], reason: extras?.reason, noted, refusals };
  }
}

describe('PermissionsGuard', () => {
  it('lets anyone through where the route is public', () => {
    expect(ask(open)).toMatchObject({ allowed: true, noted: [] });
  });

  it('lets a principal with every permission through', () => {
    expect(ask(guarded, ['users:read', 'users:write'])).toMatchObject({ allowed: true, noted: [] });
  });

  it('denies and notes the attempt, and names what is missing and what is needed', () => {
    const { code, challenge, noted } = ask(guarded, ['users:read']);
    expect(code).toBe('insufficient_scope');
    expect(challenge).toBe('Bearer error="insufficient_scope", scope="users:read users:write"');
    expect(noted).toEqual([
      expect.objectContaining({ target: { type: 'route', id: 'POST /v1/users' }, missing: ['users:write'] }),
    ]);
  });

  it('asks for a new token where a role lost the permission', () => {
    expect(ask(guarded, ['users:read'], ['users:write'])).toMatchObject({
      code: 'invalid_token',
      refusals: ['role_changed'],
      reason: 'role_changed',
      challenge: 'Bearer error="invalid_token"',
      noted: [],
    });
  });

  it('wants a token where no guard before it did', () => {
    expect(ask(guarded)).toMatchObject({ code: 'token_required' });
  });

  it('lets nobody through where nobody decided', () => {
    expect(ask(undecided, ['users:read']).allowed).toBeUndefined();
  });
});
