import { SetMetadata, applyDecorators, type ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import {
  ApiBearerAuth,
  ApiExtension,
  ApiForbiddenResponse,
  ApiResponse,
  ApiTooManyRequestsResponse,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import type { LoginRequirement } from './login-requirement.js';
import { ProblemDto } from './problem.js';

/** What a route asks of its caller. An application with a route that does not say does not start (`deny-by-default.ts` in the permissions room). */
export interface Access {
  public: boolean;
  /** A public route that a token may be sent to; the route itself says what it needs when there is none. */
  optionalToken?: boolean;
  permissions: readonly string[];
  /** What the login behind the token must have been like; absent: no matter. */
  login?: LoginRequirement;
}

export const ACCESS = 'portcullis:access';

const problem = (description: string) => ({ description, type: ProblemDto });
const always = (): MethodDecorator & ClassDecorator =>
  applyDecorators(
    ApiTooManyRequestsResponse({
      ...problem('Too many requests; `Retry-After` tells when to try again'),
      headers: {
        'Retry-After': { description: 'Seconds', schema: { type: 'integer' } },
        RateLimit: {
          description:
            'What is left of the limit, and in how many seconds it starts anew; also where there is some left',
          schema: { type: 'string', example: '"attempts";r=0;t=42' },
        },
      },
    }),
    ApiResponse({
      status: 503,
      ...problem('The service cannot know or do it right now; `Retry-After` tells when to try again'),
    }),
  );

/** Anyone may call it. */
export const Public = (): MethodDecorator & ClassDecorator =>
  applyDecorators(SetMetadata(ACCESS, { public: true, permissions: [] } satisfies Access), always());

/** Anyone may call it; a Bearer token, where one is sent and accepted, tells who does. */
export const OptionalToken = (): MethodDecorator & ClassDecorator =>
  applyDecorators(
    SetMetadata(ACCESS, { public: true, optionalToken: true, permissions: [] } satisfies Access),
    ApiBearerAuth('bearer'),
    ApiUnauthorizedResponse(problem('Neither an accepted token nor anything that takes its place')),
    always(),
  );

/** Needs an accepted token, and each of the permissions named; where a requirement is among them, a login that meets it (RFC 9470). */
export const Requires = (...needs: (string | LoginRequirement)[]): MethodDecorator & ClassDecorator => {
  const permissions = needs.filter((need) => typeof need === 'string');
  const login = needs.find((need) => typeof need !== 'string');
  const refused = 'No token, or one that is refused (`invalid_token`)';
  return applyDecorators(
    SetMetadata(ACCESS, { public: false, permissions, ...(login && { login }) } satisfies Access),
    ApiBearerAuth('bearer'),
    ApiExtension('x-permissions', permissions),
    ApiUnauthorizedResponse(
      problem(login ? `${refused}; or a login that was too long ago (\`insufficient_user_authentication\`)` : refused),
    ),
    ...(permissions.length > 0
      ? [
          ApiForbiddenResponse(
            problem(
              `The token does not carry ${permissions.map((p) => `\`${p}\``).join(', ')} (\`insufficient_scope\`)`,
            ),
          ),
        ]
      : []),
    always(),
  );
};

/** What the route about to run asks of its caller; undefined where it does not say. */
export function accessOf(reflector: Reflector, context: ExecutionContext): Access | undefined {
  return reflector.getAllAndOverride<Access | undefined>(ACCESS, [context.getHandler(), context.getClass()]);
}
