import { ProblemDto } from '../common/problem.js';

/** What the routes of this room have in common in the document. */
export const CLIENT_ID_PARAM = { name: 'clientId', example: 'billing' };
export const IF_MATCH = {
  name: 'if-match',
  required: false,
  description: 'The `ETag` of the version you read, with its quotation marks',
};
export const ETAG = { ETag: { schema: { type: 'string' as const, example: '"3"' } } };
export const CLIENT_NOT_FOUND = { type: ProblemDto, description: 'There is no such client' };
export const CLIENT_STALE = { type: ProblemDto, description: 'It was changed since you read it' };
