import { isIPv6 } from 'node:net';

/**
 * What an address is counted under: an IPv6 customer has a /64, so that single addresses in it cost nothing (RFC 6177).
 *
 * @param address as by `callerAddress`; callers without any are counted together
 */
export function networkOf(address: string | null): string {
  if (address === null) return 'none';
  const groups = groupsOf(address);
  return groups === null ? address : `${groups.slice(0, 4).join(':')}::/64`;
}

/**
 * What an IPv6 network is counted under together with its neighbours: RFC 6177 lets one customer have a /48, which holds 65,536 of the networks above.
 * Null for IPv4, where there is no such thing to be had for nothing.
 *
 * @param network as by `networkOf`
 */
export function siteOf(network: string): string | null {
  const groups = groupsOf(network.replace('/64', ''));
  return groups === null ? null : `${groups.slice(0, 3).join(':')}::/48`;
}

/** The eight groups of an IPv6 address, as short as they can be written; null for any other. */
function groupsOf(address: string): string[] | null {
  if (!isIPv6(address)) return null;
  const [head = '', tail = ''] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0') : [];
  return [...front, ...zeros, ...back].map((group) => parseInt(group, 16).toString(16));
}
