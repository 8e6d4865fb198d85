import { invalidFields } from '../common/problem.js';

/**
 * Whom the tokens of a session are for: what was asked for, where it is known, else the issuer itself.
 *
 * @throws Problem 400 that names each unknown audience by its place in the request
 */
export function requireKnownAudience(requested: readonly string[] | undefined, issuer: string): string[] {
  if (requested === undefined) return [issuer];
  const errors = requested.flatMap((audience, index) =>
    audience === issuer ? [] : [{ field: `audience.${index.toString()}`, message: 'is not a known audience' }],
  );
  if (errors.length > 0) throw invalidFields(errors);
  return [...new Set(requested)];
}
