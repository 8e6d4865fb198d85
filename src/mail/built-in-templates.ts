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
  'email-verification': {
    placeholders: ['link', 'lifetime', 'issuer'],
    ...worded({
      subject: 'Is this your address?',
      paragraphs: ['Please confirm that this address belongs to your account at {{issuer}}.'],
      link: 'Confirm the address',
      after: [ONCE, 'If you have no account there, there is nothing for you to do.'],
    }),
  },
  'email-change': {
    placeholders: ['link', 'lifetime', 'issuer'],
    ...worded({
      subject: 'Your new address',
      paragraphs: ['This address is to become that of an account at {{issuer}}. It does when you confirm it.'],
      link: 'Confirm the new address',
      after: [ONCE, 'If you have not asked for that, there is nothing for you to do.'],
    }),
  },
  'email-change-notice': {
    placeholders: ['username', 'issuer'],
    ...worded({
      subject: 'Your address is about to change',
      paragraphs: [
        'Somebody who knows the password of your account {{username}} at {{issuer}} wants to move it to another address.',
        'If that was not you, set another password at once: the change is off then.',
      ],
    }),
  },
  'email-changed': {
    placeholders: ['username', 'issuer'],
    ...worded({
      subject: 'Your address was changed',
      paragraphs: [
        'Your account {{username}} at {{issuer}} has another address now, and mails about it no longer come here.',
        'If that was not you, tell whoever runs this service at once.',
      ],
    }),
  },
  'second-factor-locked': {
    placeholders: ['username', 'issuer'],
    ...worded({
      subject: 'Codes of your app are not taken any more',
      paragraphs: [
        'Somebody who knows the password of your account {{username}} at {{issuer}} has typed too many wrong codes of an authenticator app. No such code is taken any more.',
        'To log in again, use a passkey or one of your recovery codes; the codes of your app are then taken again. If you have neither, ask whoever runs this service.',
        'If the wrong codes were not yours, set another password: whoever typed them knows the present one.',
      ],
    }),
  },
  registration: {
    placeholders: ['link', 'lifetime', 'issuer'],
    ...worded({
      subject: 'Your account',
      paragraphs: ['Somebody, probably you, wants an account at {{issuer}} for this address.'],
      link: 'Make the account',
      after: [ONCE, 'If that was not you, there is nothing for you to do: there is no account without this link.'],
    }),
  },
  'address-taken': {
    placeholders: ['issuer'],
    ...worded({
      subject: 'You have an account already',
      paragraphs: [
        'Somebody, perhaps you, wants to use this address for an account at {{issuer}}. It belongs to an account there already.',
        'If that was you, log in with this address, or have a new password mailed to it. If not, there is nothing for you to do: nobody learns that you have an account.',
      ],
    }),
  },
} as const satisfies Record<string, Template & { placeholders: readonly string[] }>;

export type TemplateName = keyof typeof BUILT_IN_TEMPLATES;
