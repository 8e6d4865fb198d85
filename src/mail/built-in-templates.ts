import type { Template } from './template.js';

interface Wording {
  subject: string;
  paragraphs: string[];
  /** What the link is called; absent where there is none. */
  link?: string;
  after?: string[];
}

/** The same words as plain text and as HTML. */
function worded({ subject, paragraphs, link, after = [] }: Wording): Template {
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

const ONCE = 'The link works once, for {{lifetime}}.';

/** What each mail says unless the operator has other words, and `placeholders`, which those may use. */
export const BUILT_IN_TEMPLATES = {
  'password-reset': {
    placeholders: ['link', 'lifetime', 'username', 'issuer'],
    ...worded({
      subject: 'Set a new password',
      paragraphs: ['Somebody, probably you, wants to set a new password for your account {{username}} at {{issuer}}.'],
      link: 'Set a new password',
      after: [ONCE, 'If that was not you, there is nothing for you to do: your password stays as it is.'],
    }),
  },
  'password-changed': {
    placeholders: ['username', 'issuer'],
    ...worded({
      subject: 'Your password was changed',
      paragraphs: [
        'A new password was set for your account {{username}} at {{issuer}}, by a link that was mailed to you. You have been signed out everywhere.',
        'If that was not you, somebody else reads your mail: secure your mailbox first, then set another password, and tell whoever runs this service.',
      ],
    }),
  },
  invitation: {
    placeholders: ['link', 'lifetime', 'username', 'issuer'],
    ...worded({
      subject: 'You have an account',
      paragraphs: ['An account {{username}} at {{issuer}} was made for you. Set a password to use it.'],
      link: 'Set your password',
      after: [ONCE],
    }),
  },
} as const satisfies Record<string, Template & { placeholders: readonly string[] }>;

export type TemplateName = keyof typeof BUILT_IN_TEMPLATES;
