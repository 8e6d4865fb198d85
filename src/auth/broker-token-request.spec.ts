import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readBrokerTokenRequest } from './broker-token-request.js';

const REQUEST = {
  username: 'ann',
  password: 'correct horse battery staple',
  ttlSeconds: 60,
  permissions: { sub: ['/in/*'], pub: ['/out'], all: [] },
};

describe('a request for a broker’s token', () => {
  it('is read as it is, and lists left out are empty', () => {
    expect(readBrokerTokenRequest(REQUEST)).toEqual(REQUEST);
    expect(readBrokerTokenRequest({ ...REQUEST, permissions: { pub: ['/out'] } })).toMatchObject({
      permissions: { sub: [], pub: ['/out'], all: [] },
    });
  });

  it.each<[object, string]>([
    [{ ttlSeconds: 0 }, 'ttlSeconds'],
    [{ ttlSeconds: -1 }, 'ttlSeconds'],
    [{ ttlSeconds: 1.5 }, 'ttlSeconds'],
    [{ ttlSeconds: '60' }, 'ttlSeconds'],
    [{ ttlSeconds: undefined }, 'ttlSeconds'],
    [{ username: undefined }, 'username'],
    [{ username: '' }, 'username'],
    [{ username: 'a\0' }, 'username'],
    [{ username: 'a'.repeat(255) }, 'username'],
    [{ password: 7 }, 'password'],
    [{ password: 'x'.repeat(4097) }, 'password'],
    [{ permissions: undefined }, 'permissions'],
    [{ permissions: ['/a'] }, 'permissions'],
    [{ permissions: null }, 'permissions'],
    [{ permissions: { read: ['/a'] } }, 'sub, pub, all'],
    [{ permissions: { sub: '/a' } }, 'permissions.sub'],
    [{ permissions: { sub: ['/a', 'b/c'] } }, 'The subject "b/c" in permissions.sub'],
    [{ permissions: { all: ['/a/'] } }, 'The subject "/a/" in permissions.all'],
    [{ permissions: { all: [{ a: 1 }] } }, 'The subject {"a":1} in permissions.all'],
    [{ admin: true }, 'The field "admin"'],
  ])('that is wrong by %j names %s', (change, named) => {
    const answer = readBrokerTokenRequest({ ...REQUEST, ...change });
    expect(answer).toEqual(expect.stringContaining(named));
  });

  it('never repeats the password, nor much of anything', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
        const answer = readBrokerTokenRequest({ ...REQUEST, ...fields, password: 'hunter2-hunter2' });
        if (typeof answer !== 'string') return;
        expect(answer).not.toContain('hunter2');
        expect(answer.length).toBeLessThan(400);
      }),
    );
  });

  it.each([undefined, null, 'x', 7])('is not %j', (body) => {
    expect(readBrokerTokenRequest(body)).toBe('The body must be a JSON object.');
  });
});
