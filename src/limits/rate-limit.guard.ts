import {
  Injectable,
  RequestMethod,
  type CanActivate,
  type ExecutionContext,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { accessOf } from '../common/access.js';
import { callerAddress } from '../common/caller-address.js';
import { limitsOf } from '../common/limited.js';
import { networkOf } from './network.js';
import { RATE_LIMIT_POLICIES, type RateLimitName } from './rate-limit-policies.js';
import { RateLimits } from './rate-limits.js';

/** Comes after the guard that accepts the token, so that it knows whose request it counts. */
@Injectable()
export class RateLimitGuard implements CanActivate, OnModuleInit {
  constructor(
    private readonly reflector: Reflector,
    private readonly limits: RateLimits,
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const names = this.namesOf(context);
    if (names.length === 0) return true;
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    for (const name of names) {
      const key = keyOf(name, request);
      if (key !== null) await this.limits.admit(name, key, http.getResponse<FastifyReply>());
    }
    return true;
  }

  /** The application does not start with a route that anybody may call, that changes something, and that nobody has set a limit to. */
  onModuleInit(): void {
    const problems = this.discovery.getControllers().flatMap(({ metatype }) => {
      const controller = metatype as Type<object>;
      const methods = controller.prototype as Record<string, () => unknown>;
      return this.scanner.getAllMethodNames(methods).flatMap((name) => {
        const handler = methods[name];
        if (!handler || !Reflect.hasMetadata(PATH_METADATA, handler)) return [];
        return this.problemsOf(`${controller.name}.${name}`, {
          getHandler: () => handler,
          getClass: () => controller as never,
        });
      });
    });
    if (problems.length > 0) throw new Error(`Routes without a limit:\n${problems.join('\n')}`);
  }

  private problemsOf(route: string, context: Pick<ExecutionContext, 'getHandler' | 'getClass'>): string[] {
    const names = limitsOf(this.reflector, context);
    const unknown = (names ?? []).filter((name) => !Object.hasOwn(RATE_LIMIT_POLICIES, name));
    if (unknown.length > 0) return [`${route} names ${unknown.join(', ')}, which is no limit`];
    const method = Reflect.getMetadata(METHOD_METADATA, context.getHandler()) as RequestMethod;
    const reads = method === RequestMethod.GET || method === RequestMethod.HEAD || method === RequestMethod.ALL;
    return names === undefined && !reads && accessOf(this.reflector, context as ExecutionContext)?.public === true
      ? [`${route} is public and has no @Limited`]
      : [];
  }

  private namesOf(context: ExecutionContext): readonly RateLimitName[] {
    const said = limitsOf(this.reflector, context) as readonly RateLimitName[] | undefined;
    return said ?? (accessOf(this.reflector, context)?.public === true ? [] : ['api']);
  }
}

/** Whose request it is; null where the limit is not for such a one. */
function keyOf(name: RateLimitName, request: FastifyRequest): string | null {
  const { principal } = request;
  const { per } = RATE_LIMIT_POLICIES[name];
  if (per === 'user') return principal?.subject ?? null;
  if (per === 'caller' && principal) return `${principal.clientId} ${principal.subject}`;
  return networkOf(callerAddress(request));
}
