import type { Api, Operation } from './openapi.js';
import { mismatches } from './schema-check.js';
import type { WireAnswer } from './wire.js';

/**
 * What may go wrong before a request has reached its operation. Only these may hide behind the document's `default`; what an operation
 * itself answers, the document has to say.
 */
const ON_THE_WAY = new Set([
  'bad_request',
  'not_found',
  'method_not_allowed',
  'body_too_large',
  'uri_too_long',
  'unsupported_media_type',
  'headers_too_large',
  'expectation_failed',
  // What the OAuth endpoints call all of these.
  'invalid_request',
]);

/** What is wrong with an answer, by the document; empty when nothing is. */
export function answerProblems(api: Api, operation: Operation, { status, headers, body }: WireAnswer): string[] {
  if (status === 0) return ['the connection was closed without an answer'];
  if (status >= 500) return [`it answered ${status}: ${body}`];
  const exact = operation.responses[String(status)];
  const response = exact ?? operation.responses['default'];
  if (!response) return [`${status} is not declared`];
  if (!response.content) return body === '' ? [] : [`${status} has a body, and is declared without`];

  const [type = ''] = (headers['content-type'] ?? '').split(';');
  // What is no HTTP gets the same answer at each address: at those of OAuth only the default tells of it.
  const declared = response.content[type] ?? operation.responses['default']?.content?.[type];
  if (!declared) return [`${status} is ${type === '' ? 'of no type' : type}, which is not declared`];
  if (!type.endsWith('json')) return [];
  const value = parsed(body);
  const wrong = value === undefined ? ['the body is no JSON'] : mismatches(api, declared.schema, value);
  if (exact?.content?.[type]) return wrong;
  const { code, error = code ?? '' } = (value ?? {}) as { code?: string; error?: string };
  return ON_THE_WAY.has(error) ? wrong : [...wrong, `${status} ${error} is not declared`];
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
