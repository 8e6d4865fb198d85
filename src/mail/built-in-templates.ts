import { NOTICE_TEMPLATES } from './notice-templates.js';
import type { Template } from './template.js';
import { worded } from './wording.js';

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
  ...NOTICE_TEMPLATES,
} as const satisfies Record<string, Template & { placeholders: readonly string[] }>;

export type TemplateName = keyof typeof BUILT_IN_TEMPLATES;
