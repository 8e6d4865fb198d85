import { isUtf8 } from 'node:buffer';
import { membersKept, membersWritten } from './json-members.js';

export type JsonObject = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 16;

/**
 * The JSON object that `bytes` hold, or undefined when they hold anything else: other than UTF-8, another JSON value,
 * nesting deeper than 16, or a member name used twice in one object (RFC 7515 section 4: two readers of such an object may
 * see different values).
 */
export function readJsonObject(bytes: Buffer): JsonObject | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8');
  const written = membersWritten(text, MAX_DEPTH);
  if (written === undefined) return undefined;
  const value = parse(text);
  // JSON.parse keeps the last of two members of one name, so fewer are kept than were written.
  return isJsonObject(value) && membersKept(value) === written ? value : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
