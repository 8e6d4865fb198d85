import { describe, expect, it } from '@jest/globals';
import { prefersJson } from './accept.js';

describe('prefersJson', () => {
  it.each([
    ['application/json', true],
    ['application/json, text/plain, */*', true],
    ['application/json;q=0.9, */*;q=0.5', true],
    ['application/*', true],
    ['Application/JSON', true],
    [undefined, false],
    ['', false],
    ['*/*', false],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', false],
    ['text/html, application/json;q=0.9', false],
    ['application/json;q=0, */*', false],
    ['application/json;q=nonsense', false],
    ['image/png', false],
  ])('%s: %s', (accept, expected) => {
    expect(prefersJson(accept)).toBe(expected);
  });
});
