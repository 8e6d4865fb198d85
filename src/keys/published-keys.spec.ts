import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { thumbprint } from './key-generation.js';
import { isPublishedKey, isPublishedSecret } from './published-keys.js';

/** Public halves as they were published. */
const KEYS: [string, Record<string, string>][] = [
  [
    'RFC 7515 appendix A.2',
    {
      kty: 'RSA',
      n:
        'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b' +
        '32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5' +
        'IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
      e: 'AQAB',
    },
  ],
  [
    'RFC 7517 appendix A.1',
    {
      kty: 'EC',
      crv: 'P-256',
      x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
      y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
    },
  ],
  [
    'RFC 7520 section 3.1',
    {
      kty: 'EC',
      crv: 'P-521',
      x: 'AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt',
      y: 'AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1',
    },
  ],
  ['RFC 8037 appendix A.2', { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
];

const JWT_IO_ES256 =
  'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==';

describe('keys whose private halves are published', () => {
  it.each(KEYS)('are known: %s', (_, jwk) => {
    expect(isPublishedKey(thumbprint(jwk))).toBe(true);
  });

  it('are known: ES256 of jwt.io', () => {
    const key = createPublicKey({ key: Buffer.from(JWT_IO_ES256, 'base64'), format: 'der', type: 'spki' });
    expect(isPublishedKey(thumbprint(key.export({ format: 'jwk' }) as Record<string, string>))).toBe(true);
  });

  it('are few', () => {
    expect(isPublishedKey('')).toBe(false);
    expect([isPublishedSecret(''), isPublishedSecret('404E63'), isPublishedSecret(Buffer.alloc(32))]).toEqual([
      false,
      false,
      false,
    ]);
  });
});
