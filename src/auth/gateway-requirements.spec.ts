import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readPathRequirements, readRequirements, type GatewayRequirements } from './gateway-requirements.js';

const ISSUER = 'https://auth.example';
const read = (text: string) => readRequirements(text, ISSUER);
const fieldsOf = (answer: ReturnType<typeof read>): string[] =>
  Array.isArray(answer) ? answer.map(({ field }) => field) : [];

describe('the requirements of a gateway', () => {
  it.each<[string, GatewayRequirements]>([
    ['', { permissions: [], roles: [], audience: [ISSUER] }],
    ['permission=orders:read', { permissions: ['orders:read'], roles: [], audience: [ISSUER] }],
    ['permission=orders%3Aread', { permissions: ['orders:read'], roles: [], audience: [ISSUER] }],
    [
      'role=clerk&permission=a:b&role=auditor&permission=c:d',
      { permissions: ['a:b', 'c:d'], roles: ['clerk', 'auditor'], audience: [ISSUER] },
    ],
    [
      'audience=https://orders.example&audience=urn:x',
      { permissions: [], roles: [], audience: ['https://orders.example', 'urn:x'] },
    ],
    [`audience=${encodeURIComponent(ISSUER)}`, { permissions: [], roles: [], audience: [ISSUER] }],
  ])('are read: %s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it.each([
    ['permission', ['permission']],
    ['permission=', ['permission']],
    ['permission=orders', ['permission']],
    ['permission=orders:read,orders:write', ['permission']],
    ['permission=orders:read orders:write', ['permission']],
    ['permission=orders:read/', ['permission']],
    ['permission=orders:read%00', ['permission']],
    ['permission=orders:read%0A', ['permission']],
    ['permission=Orders:read', ['permission']],
    ['permission=$permission', ['permission']],
    ['role=', ['role']],
    ['role=%20clerk', ['role']],
    ['audience=', ['audience']],
    ['audience=a#b', ['audience']],
    ['Permission=orders:read', ['Permission']],
    ['permissions=orders:read', ['permissions']],
    ['permission[]=orders:read', ['permission[]']],
    ['permission=orders:read;role=clerk', ['permission']],
    ['permission=orders:read&x', ['x']],
    ['permission=orders:read&=', ['']],
    ['__proto__=x&constructor=x', ['__proto__', 'constructor']],
    ['scope=orders:read&role=clerk', ['scope']],
  ])('are a mistake when they are not understood: %s', (text, fields) => {
    expect(fieldsOf(read(text))).toEqual(fields);
  });

  it('are not without number', () => {
    const many = (count: number): string => Array.from({ length: count }, () => 'role=clerk').join('&');
    expect(read(many(100))).toMatchObject({ roles: expect.arrayContaining(['clerk']) });
    expect(read(many(101))).toEqual([{ field: '', message: 'has more than 100 requirements' }]);
  });

  it('never get fewer by anything that is added, where an audience is among them', () => {
    const required = 'permission=orders:read&role=clerk&audience=urn:x';
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (added) => {
        for (const text of [`${required}&${added}`, `${added}&${required}`, `${required}${added}`]) {
          const found = read(text);
          if (Array.isArray(found)) continue;
          expect(found.permissions).toContain('orders:read');
          expect(found.roles).toContain('clerk');
          // What is glued to the last value may lengthen it, and so name an audience that has no tokens here.
          expect(found.audience.some((one) => one.startsWith('urn:x'))).toBe(true);
        }
      }),
    );
  });

  it('are for whom is added, and for the issuer no more, where no audience is among them: a gateway appends nothing of a client', () => {
    expect(read('permission=orders:read')).toMatchObject({ audience: [ISSUER] });
    expect(read('permission=orders:read&audience=urn:x')).toMatchObject({ audience: ['urn:x'] });
    expect(read(`audience=${ISSUER}&permission=orders:read&audience=urn:x`)).toMatchObject({
      audience: [ISSUER, 'urn:x'],
    });
  });

  it('in a path are never nothing by accident', () => {
    expect(fieldsOf(readPathRequirements('', ISSUER))).toEqual(['']);
    expect(readPathRequirements('-', ISSUER)).toEqual({ permissions: [], roles: [], audience: [ISSUER] });
    expect(readPathRequirements('permission=a:b', ISSUER)).toMatchObject({ permissions: ['a:b'] });
    expect(fieldsOf(readPathRequirements('orders', ISSUER))).toEqual(['orders']);
    expect(fieldsOf(readPathRequirements('--', ISSUER))).toEqual(['--']);
  });
});
