import { expect, it } from '@jest/globals';
import { relyingParty } from './relying-party.js';

it('is the host of the issuer, with the pages below it', () => {
  const pages = [
    'https://auth.example.org',
    'https://app.auth.example.org:8443',
    'https://example.org',
    'https://evilauth.example.org',
    'https://auth.example.org.evil.example',
    'http://auth.example.org',
    'http://app.auth.example.org',
  ];
  expect(relyingParty('https://auth.example.org/base', pages)).toEqual({
    id: 'auth.example.org',
    name: 'auth.example.org',
    origins: ['https://auth.example.org', 'https://app.auth.example.org:8443'],
  });
});

it('takes plain HTTP on localhost alone', () => {
  const pages = [
    'http://localhost:5173',
    'http://app.localhost',
    'http://notlocalhost',
    'http://localhost.example.org',
  ];
  expect(relyingParty('http://localhost:3000', pages).origins).toEqual([
    'http://localhost:3000',
    'http://localhost:5173',
    'http://app.localhost',
  ]);
  expect(relyingParty('http://auth.internal', ['http://auth.internal:8080', 'https://auth.internal']).origins).toEqual([
    'https://auth.internal',
  ]);
});
