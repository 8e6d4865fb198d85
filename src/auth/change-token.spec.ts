import { createSecretKey } from 'node:crypto';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SignJWT } from 'jose';
import { ServerSecrets } from '../common/server-secrets.js';
import { ChangeTokens } from './change-token.js';

const secret = Buffer.alloc(32, 5);
const tokens = tokensUnder(secret);
const grant = {
  userId: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11',
  sessionEpoch: '7',
  amr: ['pwd'],
  authTime: 1_795_000_000.5,
  mode: 'cookie' as const,
};

function tokensUnder(key: Buffer): ChangeTokens {
  return new ChangeTokens(new ServerSecrets(new Map([['password-change-token', key]])));
}

afterEach(() => {
  jest.useRealTimers();
});

describe('change tokens', () => {
  it('come back with the user and the epoch they were issued for', () => {
    expect(tokens.read(tokens.issue(grant))).toEqual(grant);
  });

  it('live for ten minutes', () => {
    jest.useFakeTimers({ now: 1_795_000_000_000 });
    const token = tokens.issue(grant);
    jest.setSystemTime(1_795_000_000_000 + 599_000);
    expect(tokens.read(token)).toEqual(grant);
    jest.setSystemTime(1_795_000_000_000 + 600_000);
    expect(tokens.read(token)).toBeNull();
  });

  it('are those of this service only', () => {
    expect(tokens.read(tokensUnder(Buffer.alloc(32, 6)).issue(grant))).toBeNull();
    expect(tokens.read('')).toBeNull();
    expect(tokens.read('a.b.c')).toBeNull();
  });

  it('are told from other tokens under the same key by their type', async () => {
    const other = await new SignJWT({ epoch: '7' })
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
      .setSubject(grant.userId)
      .setExpirationTime('5m')
      .sign(createSecretKey(secret));
    expect(tokens.read(other)).toBeNull();
  });

  it('are refused without a signature', () => {
    const [header = '', payload = ''] = tokens.issue(grant).split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'password-change+jwt' })).toString('base64url');
    expect(tokens.read(`${none}.${payload}.`)).toBeNull();
    expect(tokens.read(`${header}.${payload}.`)).toBeNull();
  });
});
