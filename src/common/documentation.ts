import { ProblemDto } from './problem.js';

/** What routes that read or change a versioned thing have in common in the OpenAPI document. */
export const IF_MATCH = {
  name: 'if-match',
  required: false,
  description: 'The `ETag` of the version you read, with its quotation marks',
};
export const ETAG = { ETag: { schema: { type: 'string' as const, example: '"3"' } } };
export const STALE = { type: ProblemDto, description: 'It was changed since you read it' };
