import type { Template } from './template.js';

/** What a mail says, paragraph by paragraph. */
export interface Wording {
  subject: string;
  paragraphs: string[];
  /** What the link is called; absent where there is none. */
  link?: string;
  after?: string[];
}

/** The same words as plain text and as HTML. */
export function worded({ subject, paragraphs, link, after = [] }: Wording): Template {
  const paragraph = (text: string): string => `<p>${text}</p>`;
  const lines = [
    ...paragraphs.map(paragraph),
    ...(link === undefined ? [] : [paragraph(`<a href="{{link}}">${link}</a>`)]),
    ...after.map(paragraph),
  ];
  return {
    subject,
    text: `${[...paragraphs, ...(link === undefined ? [] : [`${link}:\n{{link}}`]), ...after].join('\n\n')}\n`,
    html: `<!doctype html>\n<html lang="en">\n<body>\n${lines.join('\n')}\n</body>\n</html>\n`,
  };
}
