import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalAddress } from '../common/caller-address.js';
import { networkOf, siteOf } from './network.js';

const networkAt = (ip: string): string => networkOf(canonicalAddress(ip));

describe('the network of an address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['192.0.2.7:4711', '192.0.2.7'],
    ['[2001:db8:1:2:3:4:5:6]:4711', '2001:db8:1:2::/64'],
    ['1:2::3:4:5:192.0.2.7', '1:2:0:3::/64'],
    ['unknown', 'none'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('%s: %s', (address, network) => {
    expect(networkAt(address)).toBe(network);
  });
});

describe('the site of a network', () => {
  it.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:db8:1:ffff::1', '2001:db8:1::/48'],
    ['2001:db8::1', '2001:db8:0::/48'],
    ['::1', '0:0:0::/48'],
    ['192.0.2.7', null],
    ['::ffff:192.0.2.7', null],
    ['', null],
  ])('of %j: %j', (address, site) => {
    expect(siteOf(networkAt(address))).toBe(site);
  });

  it('is the same for any two addresses with 48 bits in common, and their network for any two with 64', () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.ipV6(), (one, other) => {
        const [a, b] = [networkAt(one), networkAt(other)];
        if (a === b) expect(siteOf(a)).toBe(siteOf(b));
        const prefix = (network: string) => network.split(':').slice(0, 3).join(':');
        if (a.includes('/64') && b.includes('/64')) expect(siteOf(a) === siteOf(b)).toBe(prefix(a) === prefix(b));
      }),
    );
  });
});
