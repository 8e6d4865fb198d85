/** One mail as text: what is filled in stands in double braces, `{{link}}`. */
export interface Template {
  subject: string;
  text: string;
  html: string;
}

export type TemplateValues = Readonly<Record<string, string>>;

const PLACEHOLDER = /\{\{\s*(\w+)\s*\}\}/g;

/**
 * Fills a template in. What is filled in is data: in HTML it is escaped, in the subject it cannot end the line, and what looks like a placeholder in it
 * stays as it is.
 */
export function fillIn(template: Template, values: TemplateValues): Template {
  return {
    subject: oneLine(fill(template.subject, values, (value) => value)),
    text: fill(template.text, values, (value) => value),
    html: fill(template.html, values, escapeHtml),
  };
}

/** The placeholders in a part of a template that are not among those `known`, and braces that are none at all. */
export function unknownPlaceholders(part: string, known: readonly string[]): string[] {
  const names = [...part.matchAll(PLACEHOLDER)].map(([, name = '']) => name);
  const rest = part.replace(PLACEHOLDER, '');
  return [...names.filter((name) => !known.includes(name)), ...(/\{\{|\}\}/.test(rest) ? ['{{ or }} by itself'] : [])];
}

function fill(part: string, values: TemplateValues, escape: (value: string) => string): string {
  return part.replace(PLACEHOLDER, (_, name: string) => escape(values[name] ?? ''));
}

/** For text between tags and for values of attributes in quotation marks. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0).toString()};`);
}

/** RFC 5322 section 2.2: a header ends with its line. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
}
