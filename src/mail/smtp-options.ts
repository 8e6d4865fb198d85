import type { SMTPTransportOptions } from 'nodemailer';

/** Milliseconds. All of them together are less than the wait before the first repetition (`mail-retry.ts`). */
const TIMEOUTS = { dnsTimeout: 5_000, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 15_000 };

/**
 * How to reach the mail server of `PORTCULLIS_SMTP_URL`. `smtps:` is TLS from the start. With `smtp:` STARTTLS is demanded before anything is sent over a
 * network, since links in mails are as good as passwords, and whoever sits in between could leave the offer out (RFC 8314 section 4.1; RFC 7672 section
 * 1.3.1). `?tls=optional` takes it where it is offered; a password demands it all the same. Certificates are always verified.
 */
export function smtpOptions(url: string): SMTPTransportOptions {
  const { protocol, hostname, port, username, password, searchParams } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const secure = protocol === 'smtps:';
  const auth =
    username === '' ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } };
  return {
    host,
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: !LOOPBACK.test(host) && (username !== '' || searchParams.get('tls') !== 'optional'),
    ...auth,
    ...TIMEOUTS,
  };
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;
