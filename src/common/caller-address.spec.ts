import { isIP } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { callerAddress, canonicalAddress } from './caller-address.js';

describe('an address', () => {
  it.each([
    ['192.0.2.55', '192.0.2.55'],
    ['192.0.2.55:4711', '192.0.2.55'],
    ['[192.0.2.55]:4711', '192.0.2.55'],
    ['::ffff:192.0.2.55', '192.0.2.55'],
    ['::FFFF:192.0.2.55', '192.0.2.55'],
    ['::ffff:c000:0237', '192.0.2.55'],
    ['0:0:0:0:0:ffff:c000:237', '192.0.2.55'],
    ['[::ffff:c000:237]:4711', '192.0.2.55'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:4711', 'fe80::1'],
    ['64:ff9b::192.0.2.55', '64:ff9b::c000:237'],
  ])('%s is %s', (text, address) => {
    expect(canonicalAddress(text)).toBe(address);
  });

  it.each([
    ...['', 'unknown', '_hidden', 'for=1.1.1.1', '"192.0.2.55"', '01.2.3.4', '192.0.2.256', '1.2.3', '192.0.2.55:'],
    ...['192.0.2.55:port', '[2001:db8::1', '2001:db8::1]:80', '[]:80', '[unknown]:80', '%eth0', 'localhost:80', ':80'],
    ...['192.0.2.55, 192.0.2.56', 'x'.repeat(60_000)],
  ])('is not %j', (text) => {
    expect(canonicalAddress(text)).toBeNull();
  });

  it('is the same in every spelling, and no spelling makes it another', () => {
    const port = fc.nat(65_535);
    const zone = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const spelt = (address: string, n: number, where: string): string[] => [
      ...[`${address}:${n}`, `[${address}]:${n}`, `[${address}]`].slice(isIP(address) === 4 ? 0 : 1),
      ...(isIP(address) === 4 ? [`::ffff:${address}`, `[::FFFF:${address}]:${n}`] : [`${address}%${where}`]),
      address.toUpperCase(),
    ];
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), port, zone, (address, n, where) => {
        const canonical = canonicalAddress(address);
        if (canonical === null) throw new Error(`${address} is an address`);
        expect(canonicalAddress(canonical)).toBe(canonical);
        for (const text of spelt(address, n, where)) expect(canonicalAddress(text)).toBe(canonical);
      }),
    );
  });

  it('is an IP address, or none, whatever is sent', () => {
    const parts = fc.constantFrom('[', ']', ':', '.', '%', '::', '1', '255', 'ffff', '192.0.2.1', 'x', ' ', '"', '\n');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(parts).map((some) => some.join('')),
        ),
        (text) => {
          const address = canonicalAddress(text);
          if (address !== null) expect([4, 6]).toContain(isIP(address));
        },
      ),
    );
  });
});

describe('the address of whoever calls', () => {
  it.each([
    ['192.0.2.55:4711', '198.51.100.1', '192.0.2.55'],
    ['unknown', '::ffff:198.51.100.1', '198.51.100.1'],
    ['', '198.51.100.1', '198.51.100.1'],
    ['', undefined, null],
    [undefined, undefined, null],
  ])('who is %j by what proxies say, and comes from %j, is %j', (ip, remoteAddress, address) => {
    expect(callerAddress({ ip, socket: { remoteAddress } })).toBe(address);
  });
});
