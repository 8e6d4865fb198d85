import { violatedForeignKey } from '../common/database-errors.js';
import { invalidCredentials } from './password-check.js';

const REFERENCES_TO_USERS = new Set(['sessions_user', 'single_use_tokens_user']);

/**
 * For a transaction of somebody who acts on their own account: if that was deleted while they did, it is as if they had come a moment later.
 *
 * @throws Problem 401 `invalid_credentials`, or the error as it was
 */
export function orUserGone(error: unknown): never {
  throw REFERENCES_TO_USERS.has(violatedForeignKey(error) ?? '') ? invalidCredentials() : error;
}
