import { describe, expect, it } from '@jest/globals';
import { CLIENT_ID, newClientId, reservedClientId } from './client-id.js';

describe('client ids', () => {
  it.each(['billing', 'Billing.v2', 'a', '9', 'a_b-c', 'a'.repeat(128)])('may be %s', (clientId) => {
    expect(CLIENT_ID.test(clientId)).toBe(true);
    expect(reservedClientId(clientId)).toBeNull();
  });

  it.each(['', '.', '..', '-a', 'a b', 'a:b', 'a/b', 'ä', 'a\n', 'a'.repeat(129)])('may not be %j', (clientId) => {
    expect(CLIENT_ID.test(clientId)).toBe(false);
  });

  it.each(['portcullis', 'Portcullis', '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11', '0198C5A0-6A54-7CC0-B0A4-4F3F4F1C8A11'])(
    'may not pass for somebody else: %s',
    (clientId) => {
      expect(reservedClientId(clientId)).not.toBeNull();
    },
  );

  it('are made as they may be', () => {
    const made = Array.from({ length: 100 }, newClientId);
    expect(made.every((clientId) => CLIENT_ID.test(clientId) && reservedClientId(clientId) === null)).toBe(true);
    expect(new Set(made).size).toBe(100);
  });
});
