import type { Principal } from '@portcullis/verifier';

/** In bytes. With the other headers of the answer a list so fits into what proxies allow for them, when they are told to allow 16 KiB. */
const LONGEST_LIST = 4096;
/** In bytes, as encoded. Those of this service are much shorter; who signs for an audience with its own secret names whom they like. */
const LONGEST_NAME = 600;

/** How a gateway tells the service behind it who calls. */
export interface GatewayHeaders {
  'x-auth-subject': string;
  'x-auth-client': string;
  'x-auth-roles': string;
  'x-auth-permissions': string;
}

/**
 * All four, always, so that none of the client's own can remain in its place. Names in a list are separated by commas; `%`, commas and
 * whatever is not visible ASCII are percent-encoded. A list that would be too long is empty: a part of it would be taken for the whole.
 *
 * @returns null when subject or client cannot be told in a header
 */
export function gatewayHeaders({
  subject,
  clientId,
  roles,
  permissions,
}: Pick<Principal, 'subject' | 'clientId' | 'roles' | 'permissions'>): GatewayHeaders | null {
  const [who, via] = [encoded(subject), encoded(clientId)];
  if (who.length > LONGEST_NAME || via.length > LONGEST_NAME) return null;
  return {
    'x-auth-subject': who,
    'x-auth-client': via,
    'x-auth-roles': list(roles),
    'x-auth-permissions': list(permissions),
  };
}

function list(names: Iterable<string>): string {
  const text = [...names].map(encoded).join(',');
  return text.length > LONGEST_LIST ? '' : text;
}

/** `decodeURIComponent` gives it back. */
function encoded(name: string): string {
  return name.replace(/[^!-$&-+\--~]+/gu, (unsafe) => {
    const bytes = [...Buffer.from(unsafe, 'utf8')];
    return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  });
}
