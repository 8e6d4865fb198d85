import { describe, expect, it } from '@jest/globals';
import { isSendable } from './mail-address.js';

describe('an address that mail is sent to', () => {
  it.each(['ann@example.org', "o'brien+x@mail.example.org", 'ann@xn--exmple-cua.org', 'root@localhost'])(
    'may be %s',
    (text) => {
      expect(isSendable(text)).toBe(true);
    },
  );

  it.each([
    ...[
      '',
      'ann',
      'ann@',
      '@example.org',
      'ann@b@c',
      'ann@example.org, eve@example.org',
      'ann@example.org;eve@example.org',
    ],
    ...[
      'ann@example.org\r\nBcc: eve@example.org',
      'ann@example.org\nX: y',
      '<ann@example.org>',
      'Ann <ann@example.org>',
    ],
    ...[
      '"ann eve"@example.org',
      'group:ann@example.org',
      'ann@[127.0.0.1]',
      'ann\0@example.org',
      'ann@exämple.org',
      'ann@bİg.example',
      'İnes@example.org',
      'ann@\u212A.example',
      'ann\u00a0@example.org',
      `${'x'.repeat(65)}@y`,
    ],
  ])('is not %j', (text) => {
    expect(isSendable(text)).toBe(false);
  });
});
