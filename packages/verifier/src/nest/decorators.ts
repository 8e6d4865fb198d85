import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { checkedRequirements, type Requirements } from '../http-access.js';
import type { Principal } from '../principal.js';

const ACCESS = 'portcullis:access';

type Access = 'public' | Requirements;

/** Anyone may call it, token or not; no token is looked at. */
export const Public = (): MethodDecorator & ClassDecorator => accessOf('public');

/** Needs an accepted token that has what is required. Requirements of a method are added to those of its class. */
export const Requires = (requirements: Requirements = {}): MethodDecorator & ClassDecorator =>
  accessOf(checkedRequirements(requirements));

/**
 * The principal of the accepted token.
 *
 * @throws Error on a route with `@Public()`, where there is none
 */
export const CurrentPrincipal = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { auth } = context.switchToHttp().getRequest<{ auth?: Principal }>();
  if (auth === undefined) throw new Error('@CurrentPrincipal() on a route that no token is required for');
  return auth;
});

/** What the route about to run requires; undefined: nothing. A route that says nothing needs an accepted token. */
export function requirementsOf(reflector: Reflector, context: ExecutionContext): Requirements | undefined {
  const ofMethod = reflector.get<Access | undefined>(ACCESS, context.getHandler());
  const ofClass = reflector.get<Access | undefined>(ACCESS, context.getClass());
  if (ofMethod === 'public' || (ofMethod === undefined && ofClass === 'public')) return undefined;
  if (ofMethod === undefined || ofClass === undefined || ofClass === 'public')
    return ofMethod ?? (ofClass as Requirements | undefined) ?? {};
  return {
    permissions: [...(ofClass.permissions ?? []), ...(ofMethod.permissions ?? [])],
    roles: [...(ofClass.roles ?? []), ...(ofMethod.roles ?? [])],
    scopes: [...(ofClass.scopes ?? []), ...(ofMethod.scopes ?? [])],
    onStale: ofMethod.onStale ?? ofClass.onStale,
    maxStaleness: ofMethod.maxStaleness ?? ofClass.maxStaleness,
  };
}

/** Two that stand together would have the one forgotten that Nest happens to read first. */
function accessOf(access: Access): MethodDecorator & ClassDecorator {
  return (target: object, key?: string | symbol, descriptor?: PropertyDescriptor) => {
    const decorated = (descriptor?.value ?? target) as object;
    if (Reflect.hasOwnMetadata(ACCESS, decorated)) {
      throw new TypeError(`${String(key ?? (target as { name?: unknown }).name)} says twice who may call it`);
    }
    Reflect.defineMetadata(ACCESS, access, decorated);
  };
}
