import { describe, expect, it } from '@jest/globals';
import { VerifiedToken, type TokenClaims } from '@portcullis/verifier';
import type { Actor } from '../common/principal.js';
import { authorityOfPassword, authorityOfToken } from './authority.js';

const actor: Actor & { id: string } = {
  type: 'user',
  id: 'user-1',
  sessionId: 'session-1',
  permissions: new Set(['tokens:generate']),
  requestId: null,
  address: null,
};
const claims: TokenClaims = {
  iss: 'i',
  sub: 'user-1',
  aud: ['a', 'b'],
  exp: 2,
  iat: 1,
  jti: 'token-1',
  client_id: 'portcullis',
  sid: 'session-1',
  roles: ['editor'],
  as_of: 7,
};
const eventsOf = (changed: Partial<TokenClaims>): string[] => {
  const { principal } = new VerifiedToken({ ...claims, ...changed }, 'k');
  return authorityOfToken(actor, principal).events.map(({ kind, key }) => `${kind} ${key}`);
};

describe('the right to generate', () => {
  it('ends by whatever ends the token that proves it', () => {
    expect(eventsOf({})).toEqual([
      'global *',
      'user user-1',
      'user_facts user-1',
      'client portcullis',
      'session session-1',
      'token token-1',
      'audience a',
      'audience b',
      'role editor',
    ]);
    const { asOf, roles, tokenId } = authorityOfToken(actor, new VerifiedToken(claims, 'k').principal);
    expect({ asOf, roles, tokenId }).toEqual({ asOf: 7, roles: ['editor'], tokenId: 'token-1' });
  });

  it('of a password ends with the credentials, and with what the user may do', () => {
    expect(authorityOfPassword(actor, '7', ['editor'])).toEqual({
      actor,
      asOf: '7',
      events: [
        { kind: 'user', key: 'user-1' },
        { kind: 'user_facts', key: 'user-1' },
        { kind: 'role', key: 'editor' },
      ],
      roles: ['editor'],
      tokenId: null,
    });
  });
});
