import { describe, expect, it } from '@jest/globals';
import { bearerOf } from './bearer.js';

const request = (...values: string[]) => ({
  headers: values[0] === undefined ? {} : { authorization: values[0] },
  rawHeaders: ['Host', 'localhost', ...values.flatMap((value) => ['Authorization', value])],
});

describe('the Authorization header', () => {
  it.each([
    [['Bearer abc.def.ghi'], { token: 'abc.def.ghi' }],
    [['bearer abc'], { token: 'abc' }],
    [['BEARER abc'], { token: 'abc' }],
    [['Bearer   abc  '], { token: 'abc' }],
    [[], 'absent'],
    [['Basic dXNlcjpwYXNz'], 'absent'],
    [['Bearer'], 'absent'],
    [['Bearerabc'], 'absent'],
    [['Bearer '], 'ambiguous'],
    [['Bearer a b'], 'ambiguous'],
    [['Bearer a', 'Bearer b'], 'ambiguous'],
    [['Bearer a', 'Basic b'], 'ambiguous'],
  ])('%j: %j', (values, expected) => {
    expect(bearerOf(request(...values))).toEqual(expected);
  });

  it('counts headers of any case', () => {
    const twice = {
      headers: { authorization: 'Bearer a' },
      rawHeaders: ['authorization', 'Bearer a', 'AUTHORIZATION', 'Bearer b'],
    };
    expect(bearerOf(twice)).toBe('ambiguous');
  });
});
