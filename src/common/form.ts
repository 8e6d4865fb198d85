/** The fields of a form in the order in which they were sent, each with all its values. Fields without a value are left out. */
export type Form = ReadonlyMap<string, readonly string[]>;

/** More than any request here has use for. */
const MOST_FIELDS = 64;

export const EMPTY_FORM: Form = new Map();

/**
 * Takes a body of the type `application/x-www-form-urlencoded` apart, strictly: undefined when its percent-encoding is broken, when it is
 * not UTF-8 or when it has more than 64 fields. A field without a value counts as left out (RFC 6749 section 3.2).
 */
export function parseForm(text: string): Form | undefined {
  const form = new Map<string, string[]>();
  if (text === '') return form;
  const pairs = text.split('&', MOST_FIELDS + 1);
  if (pairs.length > MOST_FIELDS) return undefined;
  for (const pair of pairs) {
    const end = pair.indexOf('=');
    const name = formDecoded(end < 0 ? pair : pair.slice(0, end));
    const value = end < 0 ? '' : formDecoded(pair.slice(end + 1));
    if (name === undefined || value === undefined) return undefined;
    form.set(name, [...(form.get(name) ?? []), value]);
  }
  return withoutEmpty(form);
}

/** What `text` stands for in a form; undefined when its percent-encoding is broken or not that of UTF-8. */
export function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** One that was sent both without a value and with one was sent twice. */
function withoutEmpty(form: Map<string, string[]>): Form {
  for (const [name, values] of form) if (values.every((value) => value === '')) form.delete(name);
  return form;
}
