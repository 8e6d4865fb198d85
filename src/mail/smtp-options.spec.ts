import { describe, expect, it } from '@jest/globals';
import { smtpOptions } from './smtp-options.js';

describe('smtpOptions', () => {
  it.each([
    [
      'smtps://u:p%40ss@mail.example.org',
      { host: 'mail.example.org', port: 465, secure: true, auth: { user: 'u', pass: 'p@ss' } },
    ],
    ['smtp://mail.example.org', { host: 'mail.example.org', port: 587, secure: false, requireTLS: true }],
    ['smtp://mail.example.org:25?tls=optional', { host: 'mail.example.org', port: 25, requireTLS: false }],
    ['smtp://u:p@mail.example.org?tls=optional', { requireTLS: true }],
    ['smtp://10.0.0.25', { requireTLS: true }],
    ['smtp://mail', { requireTLS: true }],
    ['smtp://localhost:1025', { requireTLS: false }],
    ['smtp://127.0.0.1.example.org', { requireTLS: true }],
    ['smtp://localhost.example.org', { requireTLS: true }],
    ['smtp://u:p@mail.example.org:2525', { port: 2525, secure: false, requireTLS: true }],
    ['smtp://u:p@127.0.0.1:2525', { requireTLS: false }],
    ['smtp://u:p@[::1]:2525', { host: '::1', requireTLS: false }],
    ['smtp://u:p@127.0.0.1.example.org', { requireTLS: true }],
  ])('%s', (url, expected) => {
    expect(smtpOptions(url)).toMatchObject(expected);
  });

  it.each(['smtp://mail.example.org', 'smtp://a?tls=optional', 'smtps://a', 'smtp://u:p@127.0.0.1'])(
    'verifies certificates, and falls back to no less (%s)',
    (url) => {
      for (const weaker of ['tls', 'ignoreTLS', 'opportunisticTLS'])
        expect(smtpOptions(url)).not.toHaveProperty(weaker);
    },
  );

  it('gives up before the next attempt would begin', () => {
    const { dnsTimeout, connectionTimeout, greetingTimeout, socketTimeout } = smtpOptions('smtp://a');
    const longest = [dnsTimeout, connectionTimeout, greetingTimeout, socketTimeout].reduce(
      (sum: number, ms) => sum + (ms ?? Infinity),
      0,
    );
    expect(longest).toBeLessThan(60_000);
  });

  it('has no credentials where there are none', () => {
    expect(smtpOptions('smtp://a')).not.toHaveProperty('auth');
  });
});
