const ESCAPED = /\\u[dD][89a-fA-F]/;
const UNPAIRED = /\p{Cs}/u;

/**
 * Whether a JSON text spells half of a surrogate pair somewhere (RFC 8259 section 8.2). Such text is no Unicode: in UTF-8 all halves become the same
 * replacement character, so that two passwords could be one, and what was stored would not be what was sent.
 *
 * @param value the text as it was parsed, not too deeply nested
 */
export function hasUnpairedSurrogate(text: string, value: unknown): boolean {
  // It arrived as UTF-8, which can say such a half by an escape only. Looked for first, since hardly any body has one.
  return ESCAPED.test(text) && holds(value);
}

function holds(value: unknown): boolean {
  if (typeof value === 'string') return UNPAIRED.test(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, member]) => UNPAIRED.test(name) || holds(member));
}
