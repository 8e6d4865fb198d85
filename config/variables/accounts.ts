import { DAY, directory, domains, duration, issuer, mailbox, onOff, smtpUrl } from '../parsers.js';
import { optional, secret, withDefault } from '../variable.js';

/** Mails, and the accounts that people make for themselves. */
export const ACCOUNTS = {
  smtpUrl: secret('PORTCULLIS_SMTP_URL', 'outbox in the data directory', smtpUrl, 'Where mail goes'),
  mailFrom: optional('PORTCULLIS_MAIL_FROM', '`portcullis@<host of the issuer>`', mailbox, 'Whom mails are from'),
  mailTemplates: optional(
    'PORTCULLIS_MAIL_TEMPLATES',
    'built in',
    directory,
    'Directory of templates for mails; those that are not in it are the built-in ones',
  ),
  pagesUrl: optional(
    'PORTCULLIS_PAGES_URL',
    'the issuer',
    issuer,
    'Base URL of your pages that links in mails lead to',
  ),
  resetTtl: withDefault(
    'PORTCULLIS_RESET_TTL',
    '1h',
    duration(60, DAY),
    'How long the link in a mail for a forgotten password is good',
  ),
  invitationTtl: withDefault(
    'PORTCULLIS_INVITATION_TTL',
    '7d',
    duration(60, 30 * DAY),
    'How long the link in an invitation is good',
  ),
  verificationTtl: withDefault(
    'PORTCULLIS_VERIFICATION_TTL',
    '24h',
    duration(60, 30 * DAY),
    'How long the link in a mail that proves an address is good',
  ),
  registration: withDefault(
    'PORTCULLIS_REGISTRATION',
    'off',
    onOff,
    'Whether people may make accounts for themselves, without any role',
  ),
  registrationDomains: optional(
    'PORTCULLIS_REGISTRATION_DOMAINS',
    'any',
    domains,
    'Domains of the addresses that may register, exactly as they are: not what is below them',
  ),
} as const;
