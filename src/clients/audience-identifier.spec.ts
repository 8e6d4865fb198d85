import { describe, expect, it } from '@jest/globals';
import { AUDIENCE_IDENTIFIER, isReservedAudience } from './audience-identifier.js';

describe('AUDIENCE_IDENTIFIER', () => {
  it.each(['orders', 'urn:example:orders', 'https://api.example.org/v1?x=1', 'https://[::1]:8443/', 'a'.repeat(200)])(
    'takes %s',
    (identifier) => {
      expect(AUDIENCE_IDENTIFIER.test(identifier)).toBe(true);
    },
  );

  it.each(['', '.', '..', '/x', 'a b', 'a\n', 'a#b', 'a\0', 'a"b', 'a\\b', 'ä', '*', 'a'.repeat(201)])(
    'refuses %j',
    (identifier) => {
      expect(AUDIENCE_IDENTIFIER.test(identifier)).toBe(false);
    },
  );
});

describe('isReservedAudience', () => {
  const issuer = 'https://auth.example.org/realm';

  it.each([issuer, `${issuer}/`, 'https://AUTH.example.org/realm', 'portcullis', 'Portcullis', 'portcullis/'])(
    'holds for %s',
    (identifier) => {
      expect(isReservedAudience(identifier, issuer)).toBe(true);
    },
  );

  it.each(['https://auth.example.org', `${issuer}/orders`, 'urn:portcullis:broker', 'orders'])(
    'does not hold for %s',
    (identifier) => {
      expect(isReservedAudience(identifier, issuer)).toBe(false);
    },
  );
});
