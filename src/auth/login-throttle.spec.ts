import { describe, expect, it } from '@jest/globals';
import { accountKey, networkOf } from './login-throttle.js';

describe('what attempts are counted under', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('%s: %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it('is the name that was tried, told apart from others only by what the look-up tells apart', () => {
    expect(accountKey({ username: 'alice@example.org' })).toBe(accountKey({ email: 'alice@example.org' }));
    expect(accountKey({ username: 'alice' })).not.toBe(accountKey({ email: 'alice' }));
    expect(accountKey({ username: 'alice' })).not.toBe(accountKey({ username: 'bob' }));
    expect(accountKey({ username: 'x'.repeat(10_000) }).length).toBeLessThan(64);
  });
});
