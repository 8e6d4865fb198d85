import { describe, expect, it } from '@jest/globals';
import { lifetimeProblems, timeProblems, type GenerationTimes } from './generation-times.js';

describe('a lifetime', () => {
  const bounds = [
    { seconds: 86_400, name: 'PORTCULLIS_MAX_TOKEN_TTL' },
    { seconds: 600, name: 'the audience' },
  ];

  it.each([
    [1, []],
    [600, []],
    [601, [{ field: 'ttlSeconds', message: 'must not be more than 600: the audience' }]],
    [1e300, [{ field: 'ttlSeconds', message: 'must not be more than 600: the audience' }]],
  ])('of %d s', (seconds, problems) => {
    expect(lifetimeProblems(seconds, bounds)).toEqual(problems);
  });
});

describe('the times of a token', () => {
  const times: GenerationTimes = { issuedAt: 1000, expiresAt: 1600, notBefore: null, generatorExpiresAt: null };

  it.each<[Partial<GenerationTimes>, string[]]>([
    [{}, []],
    [{ notBefore: 995 }, []],
    [{ notBefore: 1599 }, []],
    [{ notBefore: 994 }, ['notBefore']],
    [{ notBefore: 1600 }, ['notBefore']],
    [{ generatorExpiresAt: 1600 }, []],
    [{ generatorExpiresAt: 1599 }, ['ttlSeconds']],
    [{ generatorExpiresAt: 900, notBefore: 0 }, ['notBefore', 'ttlSeconds']],
  ])('with %j', (change, fields) => {
    expect(timeProblems({ ...times, ...change }).map(({ field }) => field)).toEqual(fields);
  });
});
