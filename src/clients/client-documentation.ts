import { ProblemDto } from '../common/problem.js';

/** What the routes of this room have in common in the document. */
export const CLIENT_ID_PARAM = { name: 'clientId', example: 'billing' };
export const CLIENT_NOT_FOUND = { type: ProblemDto, description: 'There is no such client' };
export const HOLD = 'You must hold what the client holds.';
