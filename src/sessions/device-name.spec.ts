import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { deviceName } from './device-name.js';

const WEBKIT = 'AppleWebKit/537.36 (KHTML, like Gecko)';

describe('deviceName', () => {
  it.each([
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Windows'],
    [`Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} Chrome/140.0.0.0 Safari/537.36`, 'Chrome on Linux'],
    [`Mozilla/5.0 (Windows NT 10.0) ${WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0`, 'Edge on Windows'],
    [`Mozilla/5.0 (Linux; Android 15; Pixel 9) ${WEBKIT} Chrome/140.0.0.0 Mobile Safari/537.36`, 'Chrome on Android'],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
      'Safari on iPhone',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15',
      'Safari on macOS',
    ],
    ['curl/8.5.0', 'curl'],
    ['PostmanRuntime/7.43.0', 'PostmanRuntime'],
    ['node', 'node'],
    ['Mozilla/5.0', null],
    ['<script>alert(1)</script>', null],
    ['', null],
    [null, null],
  ])('calls %j %j', (userAgent, expected) => {
    expect(deviceName(userAgent)).toBe(expected);
  });

  it('says something short and plain, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 256 }), (userAgent) => {
        expect(deviceName(userAgent) ?? '').toMatch(/^[\w. -]{0,60}$/);
      }),
    );
  });
});
