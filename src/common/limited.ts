import { SetMetadata, type ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';

const LIMITED = 'portcullis:limited';

/**
 * The rate limits under which a route stands, by their names in the limits room; none where what the route does counts by itself. A public route that changes something
 * must say, or the application does not start; a route that needs a token is under `api` unless it says otherwise.
 */
export const Limited = (...names: string[]): MethodDecorator & ClassDecorator => SetMetadata(LIMITED, names);

/** What the route about to run says; undefined where it does not. */
export function limitsOf(
  reflector: Reflector,
  context: Pick<ExecutionContext, 'getHandler' | 'getClass'>,
): readonly string[] | undefined {
  return reflector.getAllAndOverride<readonly string[] | undefined>(LIMITED, [
    context.getHandler(),
    context.getClass(),
  ]);
}
