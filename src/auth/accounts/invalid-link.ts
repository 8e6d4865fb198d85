import { Problem } from '../../common/problem.js';

/** One answer for what is made up, used, replaced by a later mail, expired, or about an account that has changed since. */
export const invalidLink = (): Problem =>
  new Problem(400, 'invalid_link', 'The link is not good, or not any more. Ask for another one.');
