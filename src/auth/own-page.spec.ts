import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fromOwnPage } from './own-page.js';

const OWN = 'https://login.example.org';

describe('fromOwnPage', () => {
  it.each([
    [OWN, undefined, true],
    [OWN, 'same-origin', true],
    [undefined, 'same-origin', true],
    [undefined, undefined, false],
    [undefined, 'same-site', false],
    [undefined, 'none', false],
    [undefined, ['same-origin', 'same-origin'], false],
    ['null', 'same-origin', false],
    ['', 'same-origin', false],
    ['https://app.example.org', 'same-site', false],
    ['https://login.example.org:8443', 'same-origin', false],
    ['http://login.example.org', 'same-origin', false],
    ['https://login.example.org.evil.example', undefined, false],
    ['https://LOGIN.example.org', undefined, false],
  ])('origin %j, site %j: %j', (origin, site, expected) => {
    expect(fromOwnPage(origin, site, OWN)).toBe(expected);
  });

  it('takes no origin but one', () => {
    fc.assert(
      fc.property(fc.webUrl(), fc.constantFrom('same-origin', 'same-site', undefined), (url, site) => {
        const { origin } = new URL(url);
        expect(fromOwnPage(origin, site, OWN)).toBe(origin === OWN);
      }),
    );
  });
});
