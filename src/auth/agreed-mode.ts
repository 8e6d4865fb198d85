import { invalidFields } from '../common/problem.js';
import type { TokenMode } from './session-cookie.js';

/**
 * How a login of several steps hands its refresh token over: as the first step that says so has it, and as no later one has it otherwise. So a page that began
 * for the cookie does not end with a refresh token that its scripts can read.
 *
 * @param said by the steps before @param now by this one
 * @throws Problem 400 when they differ
 */
export function agreedMode(said: TokenMode | undefined, now: TokenMode | undefined): TokenMode | undefined {
  if (said === undefined || now === undefined || said === now) return said ?? now;
  throw invalidFields([{ field: 'mode', message: `must be ${said}, as in the step before, or absent` }]);
}
