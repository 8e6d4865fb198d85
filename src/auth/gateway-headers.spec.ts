import { validateHeaderValue } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { gatewayHeaders } from './gateway-headers.js';

const someone = { subject: 'u1', clientId: 'portcullis', roles: ['clerk'], permissions: new Set(['orders:read']) };

describe('what a gateway is told about a caller', () => {
  it('is legible', () => {
    const subject = '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11';
    expect(
      gatewayHeaders({
        subject,
        clientId: 'portcullis',
        roles: ['clerk', 'auditor'],
        permissions: new Set(['orders:read', 'orders:*']),
      }),
    ).toEqual({
      'x-auth-subject': subject,
      'x-auth-client': 'portcullis',
      'x-auth-roles': 'clerk,auditor',
      'x-auth-permissions': 'orders:read,orders:*',
    });
  });

  it('is there when there is nothing to tell', () => {
    expect(gatewayHeaders({ ...someone, roles: [], permissions: new Set() })).toMatchObject({
      'x-auth-roles': '',
      'x-auth-permissions': '',
    });
  });

  it('fits into a header, and can be read back, whatever an audience’s own secret has signed for', () => {
    const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(name, name, fc.array(name, { maxLength: 5 }), (subject, clientId, roles) => {
        const headers = gatewayHeaders({ ...someone, subject, clientId, roles });
        if (headers === null) throw new Error('it is not too long');
        for (const [field, value] of Object.entries({ ...headers })) {
          validateHeaderValue(field, value);
          expect(value).toMatch(/^[!-~]*$/);
        }
        expect(decodeURIComponent(headers['x-auth-subject'])).toBe(wellFormed(subject));
        const listed: string[] = headers['x-auth-roles'] === '' ? [] : headers['x-auth-roles'].split(',');
        expect(listed.map((one) => decodeURIComponent(one))).toEqual(roles.map(wellFormed));
      }),
    );
  });

  it('is the whole list or none', () => {
    const names = (count: number): string[] => Array.from({ length: count }, () => 'a:23456789');
    const lengthOf = (permissions: string[]): number =>
      gatewayHeaders({ ...someone, permissions: new Set(), roles: permissions })?.['x-auth-roles'].length ?? NaN;
    expect(lengthOf(names(372))).toBe(4091);
    expect(lengthOf(names(373))).toBe(0);
  });

  it('is nothing when it cannot be told who calls', () => {
    expect(gatewayHeaders({ ...someone, subject: 'x'.repeat(600) })).not.toBeNull();
    expect(gatewayHeaders({ ...someone, subject: 'x'.repeat(601) })).toBeNull();
    expect(gatewayHeaders({ ...someone, subject: '\n'.repeat(201) })).toBeNull();
    expect(gatewayHeaders({ ...someone, clientId: 'x'.repeat(601) })).toBeNull();
  });
});

/** Half of a surrogate pair has no form in UTF-8. */
const wellFormed = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');
