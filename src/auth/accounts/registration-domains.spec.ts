import { describe, expect, it } from '@jest/globals';
import { mayRegister } from './registration-domains.js';

describe('who may register', () => {
  it.each([
    ['ann@example.org', true],
    ['ann@EXAMPLE.org', true],
    ['ann@example.org.evil.example', false],
    ['ann@mail.example.org', false],
    ['ann@notexample.org', false],
    ['"x@example.org"@evil.example', false],
    ['example.org', true],
  ])('%s, where example.org may: %j', (email, may) => {
    expect(mayRegister(email, ['example.com', 'example.org'])).toBe(may);
  });

  it('is everybody where no domain is named', () => {
    expect(mayRegister('ann@anywhere.example', null)).toBe(true);
  });
});
