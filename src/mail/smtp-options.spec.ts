import { describe, expect, it } from '@jest/globals';
import { smtpOptions } from './smtp-options.js';

describe('smtpOptions', () => {
  it.each([
    [
      'smtps://u:p%40ss@mail.example.org',
      { host: 'mail.example.org', port: 465, secure: true, auth: { user: 'u', pass: 'p@ss' } },
    ],
    ['smtp://mail.example.org', { host: 'mail.example.org', port: 587, secure: false, requireTLS: false }],
    ['smtp://u:p@mail.example.org:2525', { port: 2525, secure: false, requireTLS: true }],
    ['smtp://u:p@127.0.0.1:2525', { requireTLS: false }],
    ['smtp://u:p@[::1]:2525', { host: '::1', requireTLS: false }],
    ['smtp://u:p@127.0.0.1.example.org', { requireTLS: true }],
  ])('%s', (url, expected) => {
    expect(smtpOptions(url)).toMatchObject(expected);
  });

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
