import type { FastifyInstance } from 'fastify';
import { Problem } from '../common/problem.js';

interface Route {
  method: string;
  url: string;
}

/** The methods that some route takes at this path, sorted. Parameters (`:id`) match one segment that is not empty, `*` matches any rest. */
export function allowedMethods(routes: readonly Route[], path: string): string[] {
  const methods = routes.filter(({ url }) => matches(url, path)).map(({ method }) => method);
  return [...new Set(methods)].sort();
}

function matches(pattern: string, path: string): boolean {
  const segments = path.split('/');
  const wanted = pattern.split('/');
  const open = wanted.at(-1) === '*';
  if (open ? segments.length < wanted.length : segments.length !== wanted.length) return false;
  return wanted.every(
    (want, i) => want === '*' || want === segments[i] || (want.startsWith(':') && segments[i] !== ''),
  );
}

/** Answers 405 with `Allow` where the address is right and the method is not (RFC 9110 section 15.5.6). */
export function answerWrongMethods(fastify: FastifyInstance): void {
  const routes: Route[] = [];
  fastify.addHook('onRoute', ({ method, url }) => {
    // OPTIONS is for browsers that ask before they call, and taken everywhere or nowhere.
    for (const each of [method].flat()) if (each !== 'OPTIONS') routes.push({ method: each, url });
  });
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (!request.is404) {
      done();
      return;
    }
    const methods = allowedMethods(routes, request.url.replace(/\?.*$/s, ''));
    done(methods.length > 0 ? methodNotAllowed(methods) : undefined);
  });
}

function methodNotAllowed(methods: string[]): Problem {
  return new Problem(405, 'method_not_allowed', 'This address does not take that method.', {
    headers: { allow: methods.join(', ') },
  });
}
