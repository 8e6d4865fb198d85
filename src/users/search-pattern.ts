/** The LIKE pattern for "starts with `text`", in which the text's own `%`, `_` and `\` mean themselves. */
export function prefixPattern(text: string): string {
  return `${text.replace(/[\\%_]/g, '\\$&')}%`;
}
