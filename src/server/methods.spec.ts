import { describe, expect, it } from '@jest/globals';
import { allowedMethods } from './methods.js';

const ROUTES = [
  { method: 'GET', url: '/' },
  { method: 'GET', url: '/v1/users' },
  { method: 'POST', url: '/v1/users' },
  { method: 'GET', url: '/v1/users/:id' },
  { method: 'DELETE', url: '/v1/users/:id' },
  { method: 'GET', url: '/v1/users/me' },
  { method: 'GET', url: '/files/*' },
];

describe('the methods that an address takes', () => {
  it.each([
    ['/', ['GET']],
    ['/v1/users', ['GET', 'POST']],
    ['/v1/users/42', ['DELETE', 'GET']],
    ['/v1/users/me', ['DELETE', 'GET']],
    ['/v1/users/', []],
    ['/v1/users/42/roles', []],
    ['/v1', []],
    ['/files/a/b', ['GET']],
    ['/files', []],
    ['', []],
  ])('%s: %p', (path, methods) => {
    expect(allowedMethods(ROUTES, path)).toEqual(methods);
  });
});
