import type { SubjectPermissions } from '@portcullis/verifier';
import { isNames, readTokenPermissions } from '../tokens/token-permissions.js';

/** A request in the form of MigratoryData's token generator. */
export interface BrokerTokenRequest {
  username: string;
  password: string;
  ttlSeconds: number;
  permissions: SubjectPermissions;
}

const FIELDS = ['username', 'password', 'ttlSeconds', 'permissions'];
const LONGEST_NAME = 254;
const LONGEST_PASSWORD = 4096;
/** Of a text from the request that an answer repeats. */
const LONGEST_REPEATED = 200;

/** The request, or in words what is wrong with it first. How long a token may live is not known here. */
export function readBrokerTokenRequest(body: unknown): BrokerTokenRequest | string {
  if (typeof body !== 'object' || body === null) return 'The body must be a JSON object.';
  const { username, password, ttlSeconds, permissions } = body as Record<string, unknown>;
  const unknown = Object.keys(body).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) return `The field ${repeated(unknown)} is not known.`;
  if (!isText(username, LONGEST_NAME) || /\p{Cc}/u.test(username))
    return `username must be text of 1 to ${LONGEST_NAME} characters.`;
  if (!isText(password, LONGEST_PASSWORD)) return `password must be text of 1 to ${LONGEST_PASSWORD} characters.`;
  if (!Number.isInteger(ttlSeconds) || (ttlSeconds as number) < 1)
    return 'ttlSeconds must be a whole number of seconds, at least 1.';
  const subjects = readSubjects(permissions);
  if (typeof subjects === 'string') return subjects;
  return { username, password, ttlSeconds: ttlSeconds as number, permissions: subjects };
}

function readSubjects(given: unknown): SubjectPermissions | string {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return 'permissions must be an object with the lists sub, pub and all.';
  const read = readTokenPermissions(given);
  if (!('errors' in read)) return isNames(read) ? 'permissions must not be a list.' : read;
  const [error] = read.errors;
  const [, kind = '', index = ''] = /^permissions\.(sub|pub|all)\.(\d+)$/.exec(error?.field ?? '') ?? [];
  if (kind === '') return `${error?.field ?? ''} ${error?.message ?? ''}.`;
  const subject = (given as Record<string, unknown[]>)[kind]?.[Number(index)];
  return `The subject ${repeated(subject)} in permissions.${kind} is not valid.`;
}

function isText(value: unknown, longest: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= longest;
}

function repeated(value: unknown): string {
  return JSON.stringify(value).slice(0, LONGEST_REPEATED);
}
