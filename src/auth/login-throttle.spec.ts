import { describe, expect, it } from '@jest/globals';
import { accountKey } from './login-throttle.js';

describe('what attempts are counted under', () => {
  it('is the name that was tried, told apart from others only by what the look-up tells apart', () => {
    expect(accountKey({ username: 'alice@example.org' })).toBe(accountKey({ email: 'alice@example.org' }));
    expect(accountKey({ username: 'alice' })).not.toBe(accountKey({ email: 'alice' }));
    expect(accountKey({ username: 'alice' })).not.toBe(accountKey({ username: 'bob' }));
    expect(accountKey({ username: 'x'.repeat(10_000) }).length).toBeLessThan(64);
  });
});
