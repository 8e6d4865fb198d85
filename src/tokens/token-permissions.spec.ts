import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isUsableSubject, readTokenPermissions } from './token-permissions.js';

const NOTHING = { sub: [], pub: [], all: [] };

describe('the permissions of a token to be generated', () => {
  it.each([
    [undefined, []],
    [[], []],
    [
      ['a:b', 'c:d', 'a:b'],
      ['a:b', 'c:d'],
    ],
    [{}, NOTHING],
    [{ sub: ['/a/*'] }, { ...NOTHING, sub: ['/a/*'] }],
    [
      { sub: ['/a', '/a'], pub: ['/b'], all: ['/c/*'] },
      { sub: ['/a'], pub: ['/b'], all: ['/c/*'] },
    ],
  ])('%j are %j', (given, permissions) => {
    expect(readTokenPermissions(given)).toEqual(permissions);
  });

  it.each([
    [null, 'permissions'],
    ['users:read', 'permissions'],
    [7, 'permissions'],
    [['users:read', 7], 'permissions.1'],
    [[''], 'permissions.0'],
    [['a\0b'], 'permissions.0'],
    [['x'.repeat(129)], 'permissions.0'],
    [Array(1001).fill('a:b'), 'permissions'],
    [{ read: ['/a'] }, 'permissions'],
    [{ sub: '/a' }, 'permissions.sub'],
    [{ sub: null }, 'permissions.sub'],
    [{ pub: ['/a', 'b'] }, 'permissions.pub.1'],
    [{ all: ['/a/'] }, 'permissions.all.0'],
    [{ all: [['/a']] }, 'permissions.all.0'],
    [{ all: ['/a\0'] }, 'permissions.all.0'],
    [{ all: ['/\ud800'] }, 'permissions.all.0'],
    [{ all: [`/${'a'.repeat(512)}`] }, 'permissions.all.0'],
    [{ sub: Array(1001).fill('/a') }, 'permissions.sub'],
  ])('%j are wrong at %s', (given, field) => {
    expect(readTokenPermissions(given)).toEqual({ errors: [{ field, message: expect.any(String) }] });
  });

  it('are of one form or the other, whatever is given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (given) => {
        const read = readTokenPermissions(given);
        if ('errors' in read) return;
        if (Array.isArray(read)) expect(given).toEqual(expect.arrayContaining(read));
        else for (const subject of [...read.sub, ...read.pub, ...read.all]) expect(isUsableSubject(subject)).toBe(true);
      }),
    );
  });
});
