import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bearerOf } from './bearer.js';

const request = (...values: string[]) => ({
  headers: { authorization: values[0] },
  rawHeaders: ['Host', 'localhost', ...values.flatMap((value) => ['Authorization', value])],
});

describe('the Authorization header', () => {
  it.each([
    [['Bearer abc.def.ghi'], { token: 'abc.def.ghi' }],
    [['bearer a-b_c~d+e/f=='], { token: 'a-b_c~d+e/f==' }],
    [['BEARER   abc  '], { token: 'abc' }],
    [[], 'absent'],
    [['Basic dXNlcjpwYXNz'], 'absent'],
    [['Bearerabc'], 'absent'],
    [['Bearer'], 'absent'],
    [['Bearer '], 'absent'],
    [['Bearer a b'], 'ambiguous'],
    [['Bearer a, Bearer b'], 'ambiguous'],
    [['Bearer a=b'], 'ambiguous'],
    [['Bearer "a"'], 'ambiguous'],
    [['Bearer\ta'], 'absent'],
    [['Bearer a', 'Bearer a'], 'ambiguous'],
    [['Basic a', 'Bearer b'], 'ambiguous'],
  ])('%j: %j', (values, expected) => {
    expect(bearerOf(request(...values))).toEqual(expected);
  });

  it('counts headers of any case', () => {
    const rawHeaders = ['authorization', 'Bearer a', 'AUTHORIZATION', 'Bearer b'];
    expect(bearerOf({ headers: { authorization: 'Bearer a' }, rawHeaders })).toBe('ambiguous');
  });

  it('is not mistaken for another header whose value is its name', () => {
    const rawHeaders = ['x-first', 'authorization', 'Authorization', 'Bearer a'];
    expect(bearerOf({ headers: { authorization: 'Bearer a' }, rawHeaders })).toEqual({ token: 'a' });
  });

  it('may be all there is, or a list, where requests do not come from Node', () => {
    expect(bearerOf({ headers: { authorization: 'Bearer a' } })).toEqual({ token: 'a' });
    expect(bearerOf({ headers: { authorization: ['Bearer a'] as unknown as string } })).toBe('ambiguous');
  });

  it('gives a token that a header can hold, or none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const bearer = bearerOf(request(`Bearer ${text}`));
        if (typeof bearer === 'object') expect(bearer.token).toMatch(/^[A-Za-z0-9._~+/=-]+$/);
      }),
    );
  });
});
