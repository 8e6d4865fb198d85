import { SocketAddress, isIPv4, isIPv6 } from 'node:net';

const IN_BRACKETS = /^\[([^[\]]*)\](?::\d{1,5})?$/;
const WITH_PORT = /^([\d.]+):\d{1,5}$/;
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/;

/**
 * The IP address in what a proxy or a socket says, spelt in one way only (RFC 5952), and an IPv4 address that is mapped to IPv6 as what it is. Ports,
 * brackets and zones go: proxies write them, and whoever may choose them must not be somebody else each time.
 *
 * @returns null when it is none, such as `unknown` or a made-up name (RFC 7239 section 6)
 */
export function canonicalAddress(text: string): string | null {
  const bare = (IN_BRACKETS.exec(text) ?? WITH_PORT.exec(text))?.[1] ?? text;
  const address = bare.replace(/%.*$/s, '');
  if (isIPv4(address)) return address;
  if (!isIPv6(address)) return null;
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address;
  return MAPPED.exec(canonical)?.[1] ?? canonical;
}

/**
 * Where a request comes from: for limits, sessions, the audit trail, logs and mails. `ip` is what trusted proxies say, and counts where it is an address;
 * otherwise it is the nearest proxy that is known to have sent this.
 *
 * @returns null when the connection has no address either, as one that has been closed
 */
export function callerAddress({
  ip,
  socket,
}: {
  ip: string | undefined;
  socket: { remoteAddress?: string | undefined };
}): string | null {
  return canonicalAddress(ip ?? '') ?? canonicalAddress(socket.remoteAddress ?? '');
}
