import { isUtf8 } from 'node:buffer';

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
  const written = countWrittenMembers(text);
  if (written === undefined) return undefined;
  const value = parse(text);
  // JSON.parse keeps the last of two members of one name, so fewer are kept than were written.
  return isJsonObject(value) && countKeptMembers(value) === written ? value : undefined;
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

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACKET = 0x5d;
const CLOSE_BRACE = 0x7d;

/** Counts the colons outside strings: one for each member. Undefined when the text nests too deeply. */
function countWrittenMembers(text: string): number | undefined {
  let members = 0;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === BACKSLASH) i++;
      else if (char === QUOTE) inString = false;
    } else if (char === QUOTE) inString = true;
    else if (char === COLON) members++;
    else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      if (++depth > MAX_DEPTH) return undefined;
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth--;
  }
  return members;
}

function countKeptMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const child of value as unknown[]) members += countKeptMembers(child);
    return members;
  }
  // Not Object.values, which takes ten times as long.
  for (const name in value) members += 1 + countKeptMembers((value as JsonObject)[name]);
  return members;
}
