import { describe, expect, it } from '@jest/globals';
import { requestedPermissions, requireSome } from './scope.js';

describe('a scope', () => {
  it('names the permissions asked for, each once', () => {
    expect(requestedPermissions('users:read roles:read users:read')).toEqual(['users:read', 'roles:read']);
    expect(requestedPermissions(undefined)).toBeNull();
  });

  it.each([' ', ' a', 'a ', 'a  b', 'a\tb', 'a"b', 'a\\b', 'é', 'a\0'])('is refused when malformed: %p', (scope) => {
    expect(() => requestedPermissions(scope)).toThrow(expect.objectContaining({ code: 'invalid_scope' }));
  });

  it('must leave something', () => {
    expect(() => requireSome(['a', 'b'], ['b', 'c'])).not.toThrow();
    expect(() => requireSome(null, [])).not.toThrow();
    expect(() => requireSome(['a'], ['b'])).toThrow(expect.objectContaining({ code: 'invalid_scope' }));
  });
});
