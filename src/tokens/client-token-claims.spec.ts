import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ClientFacts } from './client-facts.js';
import { clientTokenClaims } from './client-token-claims.js';

const facts: ClientFacts = {
  asOf: 1_795_000_000_000_001,
  now: 1_795_000_000.75,
  keep: 86_400,
  kid: 'k',
  clientId: 'billing',
  name: 'Billing',
  audience: ['urn:orders'],
  audiences: [
    { identifier: 'urn:orders', algorithm: 'RS256', tokenTtlSeconds: 900, claims: { app: 'client.name' }, kid: 'k' },
  ],
  permissions: ['orders:read', 'orders:write'],
};
const rules = { issuer: 'https://auth.example', lifetime: 300, longest: 3600 };
const all = { jti: 'token-1', permissions: null };

describe('the claims of a client’s token', () => {
  it('name the client as subject, and neither session nor role', () => {
    expect(clientTokenClaims(facts, all, rules)).toEqual({
      iss: 'https://auth.example',
      sub: 'billing',
      aud: 'urn:orders',
      exp: 1_795_000_900,
      iat: 1_795_000_000,
      jti: 'token-1',
      client_id: 'billing',
      roles: [],
      permissions: ['orders:read', 'orders:write'],
      scope: 'orders:read orders:write',
      as_of: 1_795_000_000_000_001,
      app: 'Billing',
    });
  });

  it('grant what was asked for and is held', () => {
    const granted = (permissions: string[]) => clientTokenClaims(facts, { ...all, permissions }, rules)?.permissions;
    expect(granted(['orders:write', 'users:write'])).toEqual(['orders:write']);
    expect(granted([])).toEqual([]);
  });

  it('never grant what is not held or was not asked for', () => {
    const names = fc.uniqueArray(fc.constantFrom('a:a', 'b:b', 'c:c', 'd:d'));
    fc.assert(
      fc.property(names, names, (permissions, asked) => {
        const granted = clientTokenClaims(
          { ...facts, permissions },
          { ...all, permissions: asked },
          rules,
        )?.permissions;
        expect([...(granted ?? [])].sort()).toEqual(permissions.filter((name) => asked.includes(name)).sort());
      }),
    );
  });

  it.each([
    ['the usual lifetime', { audiences: null, audience: ['https://auth.example'] }, 300],
    ['that of the audience', {}, 900],
    [
      'the longest of any token',
      { audiences: facts.audiences?.map((a) => ({ ...a, tokenTtlSeconds: 9999 })) ?? [] },
      3600,
    ],
    ['as long as events are kept', { keep: 100.5 }, 100],
  ])('last for %s', (_, change, seconds) => {
    const claims = clientTokenClaims({ ...facts, ...change }, all, rules);
    expect((claims?.exp ?? 0) - (claims?.iat ?? 0)).toBe(seconds);
  });

  it('are none where events are not kept, or where the token would be for nobody', () => {
    expect(clientTokenClaims({ ...facts, keep: 0 }, all, rules)).toBeNull();
    expect(clientTokenClaims({ ...facts, audience: [] }, all, rules)).toBeNull();
  });
});
