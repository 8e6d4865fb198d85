import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { challengeOf, counterAdvances, readAuthentication, readRegistration } from './passkey-response.js';

const text = (value: string) => Buffer.from(value).toString('base64url');
const clientDataJSON = text(JSON.stringify({ type: 'webauthn.get', challenge: text('psu_x') }));
const answer = {
  ...{ id: 'abc', rawId: 'abc', type: 'public-key', clientExtensionResults: {} },
  response: { clientDataJSON, authenticatorData: 'aa', signature: 'bb', userHandle: 'cc' },
};

describe('what a browser answers', () => {
  it('is read as it is, and the challenge found in it', () => {
    const read = readAuthentication(answer);
    expect(read).toBe(answer);
    expect(read && challengeOf(read)).toBe('psu_x');
    expect(readRegistration(answer)).toBeNull();
    const response = { clientDataJSON, attestationObject: 'aa', transports: ['usb'] };
    expect(readRegistration({ ...answer, response })).not.toBeNull();
  });

  it.each([
    [null],
    [[]],
    [{ ...answer, type: 'password' }],
    [{ ...answer, rawId: 'abd' }],
    [{ ...answer, id: 'a b', rawId: 'a b' }],
    [{ ...answer, response: { ...answer.response, signature: 7 } }],
    [{ ...answer, response: { ...answer.response, userHandle: { a: 1 } } }],
    [{ ...answer, response: { ...answer.response, transports: ['<script>'] } }],
    [{ ...answer, clientExtensionResults: undefined }],
  ])('is nothing that somebody makes up: %j', (value) => {
    expect(readAuthentication(value)).toBeNull();
  });

  it('has no challenge where there is none, and nothing throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json().map(text)), (clientData) => {
        expect(typeof challengeOf({ response: { clientDataJSON: clientData } })).toBe('string');
      }),
    );
  });
});

it.each([
  [0, 0, true],
  [0, 1, true],
  [7, 8, true],
  [7, 7, false],
  [7, 6, false],
  [7, 0, false],
])('a counter after %i that is %i: %j', (stored, told, fine) => {
  expect(counterAdvances(stored, told)).toBe(fine);
});
