import { describe, expect, it } from '@jest/globals';
import { ValidityWindow, VerifiedToken, type TokenClaims, type ValidityEvent } from '@portcullis/verifier';
import { explain, type Evidence, type Question } from './explanation.js';

const NOW = 1_795_000_100;
const claims: TokenClaims = {
  iss: 'https://auth.example',
  sub: 'user-1',
  aud: 'https://auth.example',
  exp: NOW + 200,
  iat: NOW - 100,
  jti: 'token-1',
  client_id: 'portcullis',
  sid: 'session-1',
  as_of: 100,
};

function windowWith(...events: ValidityEvent[]): ValidityWindow {
  const window = new ValidityWindow();
  window.apply({ seq: 1000, floor: 0, keepSeconds: 86_400, keepAccessSeconds: 300, events }, 0);
  return window;
}

function evidence(change: Partial<Evidence> = {}, changedClaims: Partial<TokenClaims> = {}): Evidence {
  const all = { ...claims, ...changedClaims };
  return {
    claims: all,
    signatureRefusal: null,
    kid: 'key-1',
    algorithm: 'RS256',
    verified: new VerifiedToken(all, 'key-1'),
    subject: { status: 'active', credentialsChangedAt: new Date((NOW - 5000) * 1000) },
    window: windowWith(),
    now: NOW,
    ...change,
  };
}

function answers(of: Evidence): Record<Question, boolean | null> {
  return Object.fromEntries(explain(of).map(({ question, answer }) => [question, answer])) as Record<
    Question,
    boolean | null
  >;
}

const ALL_GOOD = {
  not_expired: true,
  signature_valid: true,
  credentials_unchanged: true,
  user_active: true,
  not_forced: true,
};
const event = (kind: ValidityEvent['kind'], key: string, reason: string, seq = 101): ValidityEvent => ({
  kind,
  key,
  seq,
  reason,
});

describe('the five questions', () => {
  it('are all answered well for a token that is accepted', () => {
    expect(answers(evidence())).toEqual(ALL_GOOD);
  });

  it.each<[string, Evidence, Partial<Record<Question, boolean | null>>]>([
    ['expired', evidence({ now: NOW + 200 }), { not_expired: false }],
    ['issued in the future', evidence({}, { iat: NOW + 60, exp: NOW + 120 }), { not_expired: false }],
    ['not valid yet', evidence({}, { nbf: NOW + 60 }), { not_expired: false }],
    ['living too long', evidence({}, { exp: claims.iat + 301 }), { not_expired: false }],
    [
      'of a changed password',
      evidence({ window: windowWith(event('user', 'user-1', 'credentials_changed')) }),
      { credentials_unchanged: false },
    ],
    [
      'of a disabled user',
      evidence({
        window: windowWith(event('user', 'user-1', 'user_disabled')),
        subject: { status: 'disabled', credentialsChangedAt: new Date(0) },
      }),
      { user_active: false },
    ],
    [
      'of a user who was disabled and enabled again',
      evidence({ window: windowWith(event('user', 'user-1', 'user_disabled')) }),
      { user_active: false },
    ],
    [
      'of a user who changed the password and was disabled later',
      evidence({
        window: windowWith(event('user', 'user-1', 'user_disabled')),
        subject: { status: 'disabled', credentialsChangedAt: new Date((NOW - 50) * 1000) },
      }),
      { user_active: false, credentials_unchanged: false },
    ],
    [
      'of a deleted user',
      evidence({ window: windowWith(event('user', 'user-1', 'user_deleted')), subject: null }),
      { user_active: false },
    ],
    [
      'forced, all of them',
      evidence({ window: windowWith(event('global', '*', 'forced_expiration')) }),
      { not_forced: false },
    ],
    [
      'forced, this user',
      evidence({ window: windowWith(event('user', 'user-1', 'forced_expiration')) }),
      { not_forced: false },
    ],
    [
      'of an ended session',
      evidence({ window: windowWith(event('session', 'session-1', 'session_ended')) }),
      { not_forced: false },
    ],
    ['revoked', evidence({ window: windowWith(event('token', 'token-1', 'token_revoked')) }), { not_forced: false }],
    [
      'of a revoked key',
      evidence({ window: windowWith(event('signing_key', 'key-1', 'key_revoked', 5)) }),
      { not_forced: false },
    ],
    ['without as_of', evidence({}, { as_of: undefined }), { not_forced: false }],
    ['ahead of the window', evidence({}, { as_of: 1001 }), { not_forced: false }],
    [
      'older than events about others',
      evidence({
        window: windowWith(event('user', 'user-2', 'user_disabled'), event('session', 'session-2', 'session_ended')),
      }),
      {},
    ],
    ['newer than its events', evidence({ window: windowWith(event('user', 'user-1', 'user_disabled', 100)) }), {}],
  ])('a token %s', (_, given, expected) => {
    expect(answers(given)).toEqual({ ...ALL_GOOD, ...expected });
  });

  const USER_ID = '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11';
  const without = (sub: string, clientId: string, change: Partial<Evidence> = {}): Evidence => {
    const own: TokenClaims = { ...claims, sub, client_id: clientId };
    delete (own as { sid?: string }).sid;
    return evidence({ claims: own, verified: new VerifiedToken(own, 'key-1'), subject: null, ...change });
  };
  const NO_USER = { ...ALL_GOOD, user_active: null };

  it.each<[string, Evidence, Record<Question, boolean | null>]>([
    ['a client', without('orders', 'orders'), NO_USER],
    [
      'a client with another secret',
      without('orders', 'orders', { window: windowWith(event('client', 'orders', 'credentials_changed')) }),
      { ...NO_USER, credentials_unchanged: false },
    ],
    [
      'a client that was disabled',
      without('orders', 'orders', { window: windowWith(event('client', 'orders', 'client_disabled')) }),
      { ...NO_USER, not_forced: false },
    ],
    [
      'a client that holds less',
      without('orders', 'orders', { window: windowWith(event('client', 'orders', 'facts_changed')) }),
      { ...NO_USER, not_forced: false },
    ],
    ['nobody known here', without('device-17', 'portcullis'), { ...NO_USER, credentials_unchanged: null }],
    [
      'nobody known here, revoked',
      without('device-17', 'portcullis', { window: windowWith(event('token', 'token-1', 'token_revoked')) }),
      { ...NO_USER, credentials_unchanged: null, not_forced: false },
    ],
    [
      'a user, generated',
      without(USER_ID, 'portcullis', { subject: { status: 'active', credentialsChangedAt: new Date(0) } }),
      ALL_GOOD,
    ],
    [
      'a user, generated by a client with another secret',
      without(USER_ID, 'orders', {
        subject: { status: 'active', credentialsChangedAt: new Date(0) },
        window: windowWith(event('client', 'orders', 'credentials_changed')),
      }),
      { ...ALL_GOOD, not_forced: false },
    ],
    ['a user who is no more', without(USER_ID, 'portcullis'), { ...ALL_GOOD, user_active: false }],
  ])('of a token about %s', (_, given, expected) => {
    expect(answers(given)).toEqual(expected);
  });

  it('tell of a forged token only what stands in it', () => {
    const forged = evidence({ verified: null, signatureRefusal: 'bad_signature', subject: null, now: NOW + 500 });
    expect(answers(forged)).toEqual({
      not_expired: false,
      signature_valid: false,
      credentials_unchanged: null,
      user_active: null,
      not_forced: null,
    });
  });

  it('have no answer but one for what is not a token', () => {
    const garbage = evidence({
      claims: null,
      verified: null,
      signatureRefusal: 'malformed',
      kid: null,
      algorithm: null,
      subject: null,
    });
    expect(answers(garbage)).toEqual({
      not_expired: null,
      signature_valid: false,
      credentials_unchanged: null,
      user_active: null,
      not_forced: null,
    });
  });
});
