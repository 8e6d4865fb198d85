import { describe, expect, it } from '@jest/globals';
import type { TokenClaims } from '@portcullis/verifier';
import { isOwn, type TokenHolder } from './revocation-right.js';

const token = (claims: Partial<TokenClaims>): TokenClaims => ({
  iss: 'i',
  sub: 'u',
  aud: 'i',
  exp: 2,
  iat: 1,
  jti: 'j',
  client_id: 'portcullis',
  ...claims,
});
const ofSession = token({ sid: 's' });
const generated = token({});
const ofClient = token({ sub: 'orders', client_id: 'orders' });

const orders: TokenHolder = { kind: 'client', client: { clientId: 'orders' } };
const bearer = (tokenId: string, sessionId: string | null): TokenHolder => ({
  kind: 'bearer',
  principal: { tokenId, sessionId },
});

describe('a token is the own one of', () => {
  it.each<[string, TokenClaims, TokenHolder, boolean]>([
    ['the client that got it', ofClient, orders, true],
    ['no other client', token({ client_id: 'billing' }), orders, false],
    ['no client, when it is of a session', ofSession, orders, false],
    ['whoever calls with it', generated, bearer('j', null), true],
    ['whoever calls from the same session', ofSession, bearer('k', 's'), true],
    ['nobody in another session', ofSession, bearer('k', 't'), false],
    ['nobody else without session', generated, bearer('k', null), false],
    ['whoever has it, when it is of a session', ofSession, { kind: 'public' }, true],
    ['not of whoever has it, when it was generated', generated, { kind: 'public' }, false],
    ['not of whoever has it, when it is a client’s', ofClient, { kind: 'public' }, false],
  ])('%s', (_, claims, holder, expected) => {
    expect(isOwn(claims, holder)).toBe(expected);
  });
});
