import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AudienceFacts } from './minting-facts.js';
import { chooseSigner, isSymmetric, type IssuerKeys, type SigningChoice } from './signing-choice.js';

const ISSUER = 'https://auth.example';
const keys: IssuerKeys = { issuer: ISSUER, algorithm: 'RS256' };

const audience = (identifier: string, algorithm: string, kid: string | null): AudienceFacts => ({
  identifier,
  algorithm,
  tokenTtlSeconds: null,
  claims: {},
  kid,
});
const REGISTERED = [
  audience('urn:orders', 'RS256', 'rsa'),
  audience('urn:stock', 'RS256', 'rsa'),
  audience('urn:fast', 'ES256', 'ec'),
  audience('urn:new', 'EdDSA', null),
  audience('urn:secret', 'HS256', 'hmac'),
  audience('urn:secret2', 'HS256', 'hmac2'),
  audience('urn:keyless', 'HS512', null),
];

const choose = (wanted: string[], kid: string | null = 'rsa', issuer = keys): SigningChoice =>
  chooseSigner({ audience: wanted, audiences: REGISTERED, kid }, issuer);

describe('the key that signs', () => {
  it.each<[string[], SigningChoice]>([
    [[ISSUER], { kind: 'sign', algorithm: 'RS256', kid: 'rsa' }],
    [['urn:orders'], { kind: 'sign', algorithm: 'RS256', kid: 'rsa' }],
    [['urn:orders', ISSUER, 'urn:stock'], { kind: 'sign', algorithm: 'RS256', kid: 'rsa' }],
    [['urn:fast'], { kind: 'sign', algorithm: 'ES256', kid: 'ec' }],
    [['urn:secret'], { kind: 'sign', algorithm: 'HS256', kid: 'hmac' }],
    [['urn:new'], { kind: 'make', algorithm: 'EdDSA' }],
  ])('for %j is %j', (wanted, choice) => {
    expect(choose(wanted)).toEqual(choice);
  });

  it('is yet to be made for the issuer after a revocation', () => {
    expect(choose([ISSUER], null)).toEqual({ kind: 'make', algorithm: 'RS256' });
  });

  it.each<[string[], string[]]>([
    [['urn:nobody'], ['urn:nobody']],
    [
      [ISSUER, 'urn:nobody', 'urn:none'],
      ['urn:nobody', 'urn:none'],
    ],
    [
      ['urn:secret', ISSUER],
      ['urn:secret', ISSUER],
    ],
    [[ISSUER, 'urn:secret'], ['urn:secret']],
    [
      ['urn:secret', 'urn:secret2'],
      ['urn:secret', 'urn:secret2'],
    ],
    [['urn:keyless'], ['urn:keyless']],
    [[ISSUER, 'urn:fast'], ['urn:fast']],
    [
      ['urn:fast', 'urn:orders', ISSUER],
      ['urn:orders', ISSUER],
    ],
    [['URN:ORDERS'], ['URN:ORDERS']],
    [[], ['']],
  ])('is none for %j, because of %j', (wanted, because) => {
    const choice = choose(wanted);
    expect(choice.kind === 'refuse' && choice.problems.map((problem) => problem.audience)).toEqual(because);
  });

  it('serves one audience that is not registered, until it is', () => {
    const broker: IssuerKeys = { ...keys, unregistered: 'urn:broker' };
    expect(choose(['urn:broker'], 'rsa', broker)).toEqual({ kind: 'sign', algorithm: 'RS256', kid: 'rsa' });
    expect(choose(['urn:other'], 'rsa', broker).kind).toBe('refuse');
    const registered = { ...broker, unregistered: 'urn:secret' };
    expect(choose(['urn:secret'], 'rsa', registered)).toMatchObject({ kid: 'hmac' });
  });

  it('is the issuer’s own, even where somebody registered an audience of that name', () => {
    const audiences = [audience(ISSUER, 'HS256', 'theirs')];
    expect(chooseSigner({ audience: [ISSUER], audiences, kid: 'rsa' }, keys)).toMatchObject({ kid: 'rsa' });
  });
});

describe('whatever is asked for', () => {
  const names = fc.constantFrom(ISSUER, 'urn:nobody', ...REGISTERED.map(({ identifier }) => identifier));

  it('a secret signs for its own audience alone, and any key only for audiences that take it', () => {
    fc.assert(
      fc.property(fc.uniqueArray(names, { maxLength: 4 }), (wanted) => {
        const choice = choose(wanted);
        if (choice.kind !== 'sign') return;
        const facts = wanted.map((name) => REGISTERED.find(({ identifier }) => identifier === name));
        for (const row of facts) expect(row?.kid ?? 'rsa').toBe(choice.kid);
        if (isSymmetric(choice.algorithm)) expect(wanted).toHaveLength(1);
      }),
    );
  });

  it('the order does not matter to whether there is one', () => {
    fc.assert(
      fc.property(fc.uniqueArray(names, { minLength: 1, maxLength: 4 }), (wanted) => {
        expect(choose([...wanted].reverse()).kind === 'refuse').toBe(choose(wanted).kind === 'refuse');
      }),
    );
  });
});
