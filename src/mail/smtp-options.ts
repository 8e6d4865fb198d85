import type { SMTPTransportOptions } from 'nodemailer';

/** Milliseconds. All of them together are less than the wait before the first repetition (`mail-retry.ts`). */
const TIMEOUTS = { dnsTimeout: 5_000, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 15_000 };

/**
 * How to reach the mail server of `PORTCULLIS_SMTP_URL`. `smtps:` is TLS from the start. With `smtp:` TLS is taken where it is offered, and demanded
 * before a password is sent over a network: whoever sits in between could otherwise leave the offer out (RFC 8314 section 4.1).
 */
export function smtpOptions(url: string): SMTPTransportOptions {
  const { protocol, hostname, port, username, password } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const secure = protocol === 'smtps:';
  const auth =
    username === '' ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } };
  return {
    host,
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: username !== '' && !LOOPBACK.test(host),
    ...auth,
    ...TIMEOUTS,
  };
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;
