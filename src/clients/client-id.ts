import { LOGIN_CLIENT } from '../common/login-client.js';
import { UUID } from '../common/pagination.js';
import { randomSecret } from '../common/secrets.js';

/** It starts with a letter or a digit, so that none is a dot segment, which clients take out of an address. */
export const CLIENT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
export const CLIENT_ID_RULE = 'must be 1 to 128 of A-Z, a-z, 0-9, . _ and -, starting with a letter or a digit';

/** Lenient: a client may have been written in SQL. */
export const STORED_CLIENT_ID = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * Why a client must not have this id, or null. It becomes `sub` of the client's tokens, where it must not pass for a user (RFC 9700 section
 * 4.15), whose ids are UUIDs; nor may it pass for the client that logins use.
 */
export function reservedClientId(clientId: string): string | null {
  if (clientId.toLowerCase() === LOGIN_CLIENT) return 'is the name of the client that logins use';
  return UUID.test(clientId) ? 'must not look like the id of a user' : null;
}

export function newClientId(): string {
  return `client-${randomSecret(12)}`;
}
