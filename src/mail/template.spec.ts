import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fillIn, unknownPlaceholders } from './template.js';

const TEMPLATE = {
  subject: 'For {{name}}',
  text: 'Hello {{ name }}: {{link}}',
  html: '<a href="{{link}}">{{name}}</a>',
};

describe('fillIn', () => {
  it('puts values in the place of their names, escaped in HTML', () => {
    expect(fillIn(TEMPLATE, { name: `<Ann & "Bob's">`, link: 'https://a.example/?a=1&b=2' })).toEqual({
      subject: `For <Ann & "Bob's">`,
      text: `Hello <Ann & "Bob's">: https://a.example/?a=1&b=2`,
      html: '<a href="https://a.example/?a=1&#38;b=2">&#60;Ann &#38; &#34;Bob&#39;s&#34;&#62;</a>',
    });
  });

  it('makes one line of a subject, whatever is filled in, and no tag or attribute of any value', () => {
    const anything = fc.string({
      unit: fc.constantFrom('a', '\r', '\n', '\0', '<', '>', '"', "'", '&', '{{link}}', '$&', ':'),
    });
    fc.assert(
      fc.property(anything, (name) => {
        const { subject, html } = fillIn(TEMPLATE, { name, link: 'https://a.example' });
        expect(subject).not.toMatch(/\p{Cc}/u);
        expect(html.match(/[<>"]/g)).toEqual(['<', '"', '"', '>', '<', '>']);
        expect(html).not.toContain("'");
      }),
    );
  });

  it('fills nothing into what was filled in', () => {
    const { text } = fillIn(TEMPLATE, { name: '{{link}}', link: 'secret' });
    expect(text).toBe('Hello {{link}}: secret');
  });
});

describe('unknownPlaceholders', () => {
  it.each([
    ['{{link}} {{ name }}', []],
    ['{{links}}', ['links']],
    ['{{link}', ['{{ or }} by itself']],
    ['{{a.b}}', ['{{ or }} by itself']],
    ['a { b } c', []],
  ])('%j: %j', (part, expected) => {
    expect(unknownPlaceholders(part, ['link', 'name'])).toEqual(expected);
  });
});
