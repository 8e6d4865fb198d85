import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { accessTokenClaims, type MintingRules } from './access-token-claims.js';
import type { SessionFacts } from './session-facts.js';

const facts: SessionFacts = {
  asOf: 1_795_000_000_000_001,
  now: 1_795_000_000.75,
  keepAccess: 300,
  kid: 'k',
  userId: 'user-1',
  username: 'alice',
  clientId: 'portcullis',
  audience: ['https://auth.example'],
  sessionExpiresAt: 1_795_100_000,
  amr: ['pwd'],
  authTime: 1_794_999_990.5,
  enrolled: false,
  roles: ['editor'],
  permissions: ['articles:read', 'articles:write'],
};
const rules: MintingRules = {
  issuer: 'https://auth.example',
  lifetime: 300,
  preferredUsername: false,
  secondFactorRoles: ['admin'],
};
const session = { sessionId: 'session-1', jti: 'token-1' };

describe('the claims of an access token', () => {
  it('are those of RFC 9068, and as_of', () => {
    expect(accessTokenClaims(facts, session, rules)).toEqual({
      iss: 'https://auth.example',
      sub: 'user-1',
      aud: 'https://auth.example',
      exp: 1_795_000_300,
      iat: 1_795_000_000,
      jti: 'token-1',
      client_id: 'portcullis',
      sid: 'session-1',
      auth_time: 1_794_999_990,
      amr: ['pwd'],
      roles: ['editor'],
      permissions: ['articles:read', 'articles:write'],
      scope: 'articles:read articles:write',
      as_of: 1_795_000_000_000_001,
    });
  });

  it('are none for a session that lacks a second factor which its user has, or must have by a role', () => {
    const none = (changed: Partial<SessionFacts>) => accessTokenClaims({ ...facts, ...changed }, session, rules);
    expect(none({ enrolled: true })).toBeNull();
    expect(none({ roles: ['admin'] })).toBeNull();
    expect(none({ enrolled: true, roles: ['admin'], amr: ['pwd', 'otp', 'mfa'] })).toMatchObject({
      amr: ['pwd', 'otp', 'mfa'],
    });
  });

  it('say nothing of the methods of a session from before there was any record of them', () => {
    expect(accessTokenClaims({ ...facts, amr: [] }, session, rules)).not.toHaveProperty('amr');
  });

  it('name the user only when so configured', () => {
    expect(accessTokenClaims(facts, session, rules)).not.toHaveProperty('preferred_username');
    expect(accessTokenClaims(facts, session, { ...rules, preferredUsername: true })?.preferred_username).toBe('alice');
  });

  it('keep several audiences apart', () => {
    const audience = ['https://auth.example', 'urn:orders'];
    expect(accessTokenClaims({ ...facts, audience }, session, rules)?.aud).toEqual(audience);
  });

  it('show what the audience asks for, and nothing that it may not have', () => {
    const audience = ['urn:orders'];
    const claims = { email: 'user.email', 'urn:app': 'client.id', name: 'user.displayName', sub: 'user.email' };
    const audiences = [{ identifier: 'urn:orders', algorithm: 'RS256', tokenTtlSeconds: 60, claims, kid: 'k' }];
    const email = 'alice@example.org';
    const made = accessTokenClaims({ ...facts, audience, audiences, email }, session, rules);
    expect(made).toMatchObject({
      sub: 'user-1',
      aud: 'urn:orders',
      email,
      'urn:app': 'portcullis',
    });
    expect(made).not.toHaveProperty('name');
    expect((made?.exp ?? 0) - (made?.iat ?? 0)).toBe(60);
  });

  it('grant less where less is asked for, and never what is not held', () => {
    const granted = (permissions: string[] | null) => {
      const claims = accessTokenClaims(facts, { ...session, permissions }, rules);
      return [claims?.permissions, claims?.scope, claims?.roles];
    };
    expect(granted(['articles:write', 'users:write'])).toEqual([['articles:write'], 'articles:write', ['editor']]);
    expect(granted([])).toEqual([[], '', ['editor']]);
    expect(granted(null)).toEqual([facts.permissions, facts.permissions.join(' '), ['editor']]);
  });

  it.each([
    ['there is no audience', { audience: [] }],
    ['the session has ended', { sessionExpiresAt: 1_795_000_000.5 }],
    ['events are not kept at all', { keepAccess: 0 }],
  ])('are none when %s', (_, change) => {
    expect(accessTokenClaims({ ...facts, ...change }, session, rules)).toBeNull();
  });

  it('never outlive the session, the configured lifetime or the events about the session', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e9, max: 2e9, noNaN: true }),
        fc.double({ min: -100, max: 5000, noNaN: true }),
        fc.double({ min: 0, max: 4000, noNaN: true }),
        fc.integer({ min: 10, max: 3600 }),
        (now, left, keepAccess, lifetime) => {
          const claims = accessTokenClaims({ ...facts, now, keepAccess, sessionExpiresAt: now + left }, session, {
            ...rules,
            lifetime,
          });
          if (claims === null) return;
          expect(claims.exp).toBeGreaterThan(claims.iat);
          expect(claims.iat).toBeLessThanOrEqual(now);
          expect(claims.exp).toBeLessThanOrEqual(now + left);
          expect(claims.exp - claims.iat).toBeLessThanOrEqual(Math.min(lifetime, keepAccess));
        },
      ),
    );
  });
});
