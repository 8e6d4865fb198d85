const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACKET = 0x5d;
const CLOSE_BRACE = 0x7d;

/**
 * How many members a JSON text writes, in all objects together; undefined where arrays and objects lie more than `deepest` deep in it. What
 * walks the parsed value calls itself for each level, and would run out of stack. The text need not be valid: whatever the parser would still have to
 * nest is counted.
 */
export function membersWritten(text: string, deepest: number): number | undefined {
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
      if (++depth > deepest) return undefined;
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth--;
  }
  return members;
}

/**
 * How many members a parsed JSON value has, in all objects together. Fewer than were written where a name stands twice in one object: the parser
 * keeps the last, and other readers the first (RFC 8259 section 4).
 */
export function membersKept(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const child of value as unknown[]) members += membersKept(child);
    return members;
  }
  // Not Object.values, which takes ten times as long.
  for (const name in value) members += 1 + membersKept((value as Record<string, unknown>)[name]);
  return members;
}
