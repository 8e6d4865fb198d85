import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { VerificationError } from './errors.js';
import { MAX_TOKEN_LENGTH, parseJws } from './jws.js';

// The properties take long on a busy machine.
jest.setTimeout(60_000);

const HEADER = { alg: 'RS256', kid: 'k1', typ: 'at+jwt' };

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

function token(header: unknown = HEADER, payload: unknown = { sub: 'u1' }, signature = 'c2ln'): string {
  return `${encode(header)}.${encode(payload)}.${signature}`;
}

describe('parseJws', () => {
  it('takes a token apart', () => {
    const jws = parseJws(token());
    expect(jws.header).toEqual(HEADER);
    expect(jws.payload).toEqual({ sub: 'u1' });
    expect(jws.signingInput.toString()).toBe(`${encode(HEADER)}.${encode({ sub: 'u1' })}`);
    expect(jws.signature.toString()).toBe('sig');
  });

  it('ignores header parameters that do not matter', () => {
    expect(parseJws(token({ ...HEADER, cty: 'JWT', x5t: 'abc', jti: 1 })).header).toEqual(HEADER);
  });

  it('leaves an absent kid and typ to the checks that need them', () => {
    expect(parseJws(token({ alg: 'ES256' })).header).toEqual({ alg: 'ES256', kid: undefined, typ: undefined });
  });

  const good = token();
  const [header = '', payload = '', signature = ''] = good.split('.');
  it.each<[string, string]>([
    ['nothing', ''],
    ['one part', header],
    ['two parts', `${header}.${payload}`],
    ['four parts', `${good}.c2ln`],
    ['five parts, as an encrypted token has', `${good}.c2ln.c2ln`],
    ['an empty header', `.${payload}.${signature}`],
    ['an empty payload', `${header}..${signature}`],
    ['an empty signature', `${header}.${payload}.`],
    ['only dots', '..'],
    ['padding', `${header}.${payload}.c2lnYQ==`],
    ['the alphabet of plain base64', `${header}.${payload}.+/+/`],
    ['white space within', `${header}.${payload}.c2 ln`],
    ['a line break at the end', `${good}\n`],
    ['a space in front', ` ${good}`],
    ['a null character', `${good}\0`],
    ['other characters', `${header}.${payload}.c2lñ`],
    ['a length that no bytes encode to', `${header}.${payload}.c2lnY`],
    ['trailing bits that are not zero', `${header}.${payload}.c2lnYR`],
    ['a header that is not JSON', token('{')],
    ['a header that is an array', token([])],
    ['a payload that is a string', token(HEADER, '"x"')],
    ['a header with alg twice', token('{"alg":"none","kid":"k1","alg":"RS256"}')],
    ['a payload with sub twice', token(HEADER, '{"sub":"u1","sub":"u2"}')],
    ['no alg', token({ kid: 'k1' })],
    ['an alg that is no string', token({ ...HEADER, alg: ['RS256'] })],
    ['a kid that is no string', token({ ...HEADER, kid: 1 })],
    ['a kid that is null', token({ ...HEADER, kid: null })],
    ['a typ that is no string', token({ ...HEADER, typ: {} })],
    ...['crit', 'b64', 'zip', 'jwk', 'jku', 'x5c', 'x5u'].flatMap((name): [string, string][] => [
      [`the header parameter ${name}`, token({ ...HEADER, [name]: ['exp'] })],
      [`the header parameter ${name}, even null`, token({ ...HEADER, [name]: null })],
    ]),
  ])('refuses %s', (_name, text) => {
    expect(() => parseJws(text)).toThrow(
      expect.objectContaining({ reason: 'malformed', signatureValid: false, code: 'invalid_token' }),
    );
  });

  it('refuses what is no string, as may come from untyped callers', () => {
    for (const value of [undefined, null, 1, {}, [good]]) {
      expect(() => parseJws(value as string)).toThrow(VerificationError);
    }
  });

  it('refuses by length before it reads anything', () => {
    const longest = token(HEADER, { a: '' }, 'A'.repeat(4));
    const fitting = token(HEADER, { a: 'x'.repeat(3 * Math.floor((MAX_TOKEN_LENGTH - longest.length) / 4)) }, 'AAAA');
    expect(fitting.length).toBeLessThanOrEqual(MAX_TOKEN_LENGTH);
    expect(parseJws(fitting).header.alg).toBe('RS256');
    expect(() => parseJws(`${fitting}AAAAAAAA`)).toThrow(VerificationError);
    expect(() => parseJws(good, good.length - 1)).toThrow(VerificationError);

    // Eight million brackets would take long to parse, and their text is not even base64url.
    expect(() => parseJws('['.repeat(8_000_000))).toThrow(VerificationError);
  });

  it('throws nothing but VerificationError, whatever it is given', () => {
    const segment = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.json().map(encode),
      fc.constantFrom(encode(HEADER), encode('{"alg":"HS256"}'), 'e30', ''),
    );
    const almost = fc.array(segment, { maxLength: 5 }).map((parts) => parts.join('.'));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), almost), (text) => {
        try {
          parseJws(text);
        } catch (error) {
          expect(error).toBeInstanceOf(VerificationError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('knows one spelling only: a token changed in any character is another token or none', () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.constantFrom(...Array.from('ABCxyz019-_.=+/ ')), (at, char) => {
        const changed = good.slice(0, at) + char + good.slice(at + 1);
        fc.pre(changed !== good);
        try {
          const jws = parseJws(changed);
          const same =
            jws.signature.equals(parseJws(good).signature) && jws.signingInput.equals(parseJws(good).signingInput);
          expect(same).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(VerificationError);
        }
      }),
    );
  });
});
