import { worded } from './wording.js';

const BY_OWNER = ['username', 'issuer', 'when', 'address'] as const;
/** From where an administrator works is nothing that users are told. */
const BY_ADMINISTRATOR = ['username', 'issuer', 'when'] as const;

const AT = 'That was at {{when}}, from the address {{address}}.';
const STOLEN =
  'If that was not you, somebody else is in your account: have a new password mailed to you at once, look through your second factors and passkeys, and tell whoever runs this service.';
const ASK = 'If you do not know why, ask whoever runs this service.';

/** What owners of accounts are told of what was done to these (NIST SP 800-63B-4 section 4.6). None has a link: whoever is alarmed should not have to trust one. */
export const NOTICE_TEMPLATES = {
  'password-changed': {
    placeholders: BY_OWNER,
    ...worded({
      subject: 'Your password was changed',
      paragraphs: [
        'A new password was set for your account {{username}} at {{issuer}}, by a link that was mailed to you. You have been signed out everywhere.',
        AT,
        'Second factors and passkeys, if there are any, are the same as before: look through them when you have logged in, and remove what is not yours.',
        'If that was not you, somebody else reads your mail: secure your mailbox first, then set another password, and tell whoever runs this service.',
      ],
    }),
  },
  'password-changed-by-owner': {
    placeholders: BY_OWNER,
    ...worded({
      subject: 'Your password was changed',
      paragraphs: [
        'The password of your account {{username}} at {{issuer}} was changed by somebody who knew the one before. All other sessions have been ended.',
        AT,
        STOLEN,
      ],
    }),
  },
  'password-changed-by-administrator': {
    placeholders: BY_ADMINISTRATOR,
    ...worded({
      subject: 'Your password was changed',
      paragraphs: [
        'An administrator has set a new password for your account {{username}} at {{issuer}}, at {{when}}. You have been signed out everywhere.',
        ASK,
      ],
    }),
  },
  'app-added': {
    placeholders: BY_OWNER,
    ...worded({
      subject: 'An authenticator app was added',
      paragraphs: ['An authenticator app was added to your account {{username}} at {{issuer}}.', AT, STOLEN],
    }),
  },
  'passkey-added': {
    placeholders: BY_OWNER,
    ...worded({
      subject: 'A passkey was added',
      paragraphs: [
        'A passkey was added to your account {{username}} at {{issuer}}. Whoever has it can log in with it.',
        AT,
        STOLEN,
      ],
    }),
  },
  'factor-removed': {
    placeholders: BY_OWNER,
    ...worded({
      subject: 'A second factor was removed',
      paragraphs: [
        'An authenticator app or a passkey was removed from your account {{username}} at {{issuer}}.',
        AT,
        STOLEN,
      ],
    }),
  },
  'factors-reset': {
    placeholders: BY_ADMINISTRATOR,
    ...worded({
      subject: 'Your second factors were removed',
      paragraphs: [
        'An administrator has removed all authenticator apps, passkeys and recovery codes from your account {{username}} at {{issuer}}, at {{when}}. You have been signed out everywhere.',
        'If you have not asked for that, somebody may have done so in your name: tell whoever runs this service at once.',
      ],
    }),
  },
  'recovery-codes-renewed': {
    placeholders: BY_OWNER,
    ...worded({
      subject: 'You have new recovery codes',
      paragraphs: [
        'New recovery codes were made for your account {{username}} at {{issuer}}. Those from before are worth nothing any more.',
        AT,
        STOLEN,
      ],
    }),
  },
  'recovery-code-used': {
    placeholders: BY_OWNER,
    ...worded({
      subject: 'A recovery code was used',
      paragraphs: [
        'Somebody has logged in to your account {{username}} at {{issuer}} with its password and a recovery code, which is worth nothing any more.',
        AT,
        STOLEN,
      ],
    }),
  },
  'second-factor-guessed': {
    placeholders: BY_OWNER,
    ...worded({
      subject: 'Somebody may know your password',
      paragraphs: [
        'Within a day, many wrong second factors were tried for your account {{username}} at {{issuer}}, each after the right password. None of them let anybody in.',
        'The last one came at {{when}}, from the address {{address}}.',
        'If that was not you, somebody else knows your password, and the second factor alone keeps them out: set another password at once.',
      ],
    }),
  },
  'second-factor-locked': {
    placeholders: BY_OWNER,
    ...worded({
      subject: 'Codes of your app are not taken any more',
      paragraphs: [
        'Somebody who knows the password of your account {{username}} at {{issuer}} has typed too many wrong codes of an authenticator app. No such code is taken any more.',
        'The last one came at {{when}}, from the address {{address}}.',
        'To log in again, use a passkey or one of your recovery codes; the codes of your app are then taken again. If you have neither, ask whoever runs this service.',
        'If the wrong codes were not yours, set another password: whoever typed them knows the present one.',
      ],
    }),
  },
  'username-changed': {
    placeholders: BY_ADMINISTRATOR,
    ...worded({
      subject: 'Your username was changed',
      paragraphs: ['Your account at {{issuer}} has the name {{username}} now, since {{when}}.', ASK],
    }),
  },
  'email-change-notice': {
    placeholders: BY_OWNER,
    ...worded({
      subject: 'Your address is about to change',
      paragraphs: [
        'Somebody who knows the password of your account {{username}} at {{issuer}} wants to move it to another address.',
        AT,
        'If that was not you, set another password at once: the change is off then.',
      ],
    }),
  },
  'email-changed': {
    placeholders: BY_ADMINISTRATOR,
    ...worded({
      subject: 'Your address was changed',
      paragraphs: [
        'Your account {{username}} at {{issuer}} has another address now, since {{when}}, and mails about it no longer come here.',
        'If that was not you, tell whoever runs this service at once.',
      ],
    }),
  },
} as const;

/** A mail that tells somebody what was done to their account. */
export type Notice = keyof typeof NOTICE_TEMPLATES;
