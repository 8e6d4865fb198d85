import { expect, it } from '@jest/globals';
import { relyingParty } from './relying-party.js';

it('is the host of the issuer, with the pages below it', () => {
  const pages = [
    'https://auth.example.org',
    'https://app.auth.example.org:8443',
    'https://example.org',
    'https://evilauth.example.org',
    'https://auth.example.org.evil.example',
  ];
  expect(relyingParty('https://auth.example.org/base', pages)).toEqual({
    id: 'auth.example.org',
    name: 'auth.example.org',
    origins: ['https://auth.example.org', 'https://app.auth.example.org:8443'],
  });
});
