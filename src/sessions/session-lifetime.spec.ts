import { describe, expect, it } from '@jest/globals';
import { lifetimesOf } from './session-lifetime.js';

describe('the lifetime of a session', () => {
  it.each([
    [
      { refreshTokenTtl: 100, sessionIdleTtl: null, sessionMaxTtl: null },
      { idle: 100, max: null },
    ],
    [
      { refreshTokenTtl: 100, sessionIdleTtl: 30, sessionMaxTtl: 50 },
      { idle: 30, max: 50 },
    ],
    [
      { refreshTokenTtl: 100, sessionIdleTtl: 300, sessionMaxTtl: 50 },
      { idle: 100, max: 50 },
    ],
  ])('follows from the configuration %j', (env, expected) => {
    expect(lifetimesOf(env)).toEqual(expected);
  });
});
