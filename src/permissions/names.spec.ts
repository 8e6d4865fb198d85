import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BUILT_IN_PERMISSIONS } from './built-in.js';
import { PERMISSION_NAME, ROLE_NAME } from './names.js';

describe('names', () => {
  it.each(['admin', 'a', 'billing-clerk', 'team:ops', 'team.ops_2', 'a'.repeat(64)])('takes %s for a role', (name) => {
    expect(ROLE_NAME.test(name)).toBe(true);
  });

  it.each(['', 'Admin', '1st', 'two words', 'a\n', 'é', 'a'.repeat(65)])('refuses %j for a role', (name) => {
    expect(ROLE_NAME.test(name)).toBe(false);
  });

  it.each([...BUILT_IN_PERMISSIONS, 'orders:*', 'billing.v2:invoices:read', `a:${'b'.repeat(126)}`])(
    'takes %s for a permission',
    (name) => {
      expect(PERMISSION_NAME.test(name)).toBe(true);
    },
  );

  it.each(['', 'users', 'users:', ':read', 'users::read', 'Users:read', 'a b:c', 'a:b\n', `a:${'b'.repeat(127)}`])(
    'refuses %j for a permission',
    (name) => {
      expect(PERMISSION_NAME.test(name)).toBe(false);
    },
  );

  it('lets no white space or control character through, wherever it stands', () => {
    const separator = fc.constantFrom(' ', '\t', '\n', '\r', '\0', '\u00a0', '\u2028');
    fc.assert(
      fc.property(fc.string(), separator, fc.string(), (before, gap, after) => {
        const name = `${before}${gap}${after}`;
        expect(ROLE_NAME.test(name) || PERMISSION_NAME.test(name)).toBe(false);
      }),
    );
  });
});
