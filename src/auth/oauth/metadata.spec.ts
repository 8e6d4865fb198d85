import { describe, expect, it } from '@jest/globals';
import { issuerPath, metadataOf } from './metadata.js';

describe('the metadata', () => {
  it('has every address below the issuer', () => {
    const metadata = metadataOf('https://example.org/auth');
    expect(metadata.issuer).toBe('https://example.org/auth');
    expect(metadata.token_endpoint).toBe('https://example.org/auth/oauth/token');
    expect(metadata.jwks_uri).toBe('https://example.org/auth/.well-known/jwks.json');
  });

  it('promises no algorithm by which a shared secret would be a key', () => {
    expect(JSON.stringify(metadataOf('https://example.org'))).not.toMatch(/HS\d|none","(RS|HS)/);
  });

  it.each([
    ['https://example.org', ''],
    ['https://example.org/auth', 'auth'],
    ['https://example.org/a/b', 'a/b'],
  ])('of %p lies below %p', (issuer, path) => {
    expect(issuerPath(issuer)).toBe(path);
  });
});
