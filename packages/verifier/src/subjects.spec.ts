import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { allows, covers, isSubject } from './subjects.js';

describe('a subject', () => {
  it.each(['/a', '/a/b', '/a/b/c', '/a/*', '/*', '/a b', '/a/b*', '/*/b', '/ü/💥', '/.', '/**'])('is %s', (text) => {
    expect(isSubject(text)).toBe(true);
  });

  it.each(['', '/', 'a', 'a/b', '//', '/a/', '/a//b', '//a', '*', 'a/*', '/a/*/'])('is not %j', (text) => {
    expect(isSubject(text)).toBe(false);
  });

  it('is what the rule says, however long, in time that grows with its length alone', () => {
    const long = '/a'.repeat(100_000);
    expect(isSubject(long)).toBe(true);
    expect(isSubject(`${long}/`)).toBe(false);
  });
});

describe('covers', () => {
  it.each([
    ['/a/b', '/a/b'],
    ['/a/b/*', '/a/b/c'],
    ['/a/b/*', '/a/b/c/d/e'],
    ['/a/b/*', '/a/b/*'],
    ['/a/b/*', '/a/b/c/*'],
    ['/*', '/a'],
    ['/*', '/a/b'],
    ['/a/b*', '/a/b*'],
  ])('%s covers %s', (pattern, subject) => {
    expect(covers(pattern, subject)).toBe(true);
  });

  it.each([
    ['/a/b', '/a/b/c'],
    ['/a/b', '/a'],
    ['/a/b', '/A/b'],
    ['/a/b/*', '/a/b'],
    ['/a/b/*', '/a/bc'],
    ['/a/b/*', '/a/bc/d'],
    ['/a/b/*', '/a/*'],
    ['/a/b/*', '/x/a/b/c'],
    ['/a/b', '/a/*'],
    ['/a/b*', '/a/bc'],
    ['/*/b', '/a/b'],
    ['/a/b/*', '/a/b/'],
    ['/a/b/*', '/a/b//c'],
    ['/a/', '/a/b'],
    ['*', '/a'],
    ['', '/a'],
    ['', ''],
  ])('%j does not cover %j', (pattern, subject) => {
    expect(covers(pattern, subject)).toBe(false);
  });
});

const segment = fc.string({ minLength: 1, maxLength: 4 }).map((text) => text.replaceAll('/', '_'));
const few = fc.constantFrom('a', 'b', 'ab', '*');
const path = fc.oneof(fc.array(segment, { minLength: 1, maxLength: 5 }), fc.array(few, { minLength: 1, maxLength: 4 }));
const subject = path.map((segments) => `/${segments.join('/')}`);
const concrete = subject.filter((text) => !text.endsWith('/*'));

describe('covering', () => {
  it('is by segments: a wildcard covers what begins with all the segments before it, and has more', () => {
    fc.assert(
      fc.property(path, concrete, (segments, text) => {
        const below = text.slice(1).split('/');
        const expected = below.length > segments.length && segments.every((name, index) => name === below[index]);
        expect(covers(`/${segments.join('/')}/*`, text)).toBe(expected);
      }),
    );
  });

  it('is reflexive and transitive, so that a pattern covers what those below it cover', () => {
    fc.assert(
      fc.property(subject, subject, subject, (a, b, c) => {
        expect(covers(a, a)).toBe(true);
        if (covers(a, b) && covers(b, c)) expect(covers(a, c)).toBe(true);
      }),
    );
  });

  it('without a wildcard is being the same', () => {
    fc.assert(
      fc.property(concrete, subject, (pattern, text) => {
        expect(covers(pattern, text)).toBe(pattern === text);
      }),
    );
  });

  it('never reaches what is no subject', () => {
    fc.assert(
      fc.property(subject, fc.string({ unit: 'binary' }), (pattern, text) => {
        if (!isSubject(text)) expect([covers(pattern, text), covers(text, pattern)]).toEqual([false, false]);
      }),
    );
  });
});

describe('what a token permits', () => {
  const permissions = { sub: ['/in/*', '/both'], pub: ['/out', '/both'], all: ['/chat/*'] };

  it.each([
    ['sub', '/in/x', true],
    ['pub', '/in/x', false],
    ['pub', '/out', true],
    ['sub', '/out', false],
    ['sub', '/both', true],
    ['pub', '/both', true],
    ['sub', '/chat/room/1', true],
    ['pub', '/chat/room/1', true],
    ['pub', '/chat', false],
    ['sub', '/elsewhere', false],
  ] as const)('%s %s: %s', (action, text, expected) => {
    expect(allows(permissions, action, text)).toBe(expected);
  });

  it('is nothing where nothing is listed', () => {
    fc.assert(
      fc.property(subject, (text) => {
        expect(allows({ sub: [], pub: [], all: [] }, 'pub', text)).toBe(false);
      }),
    );
  });

  it('is under `all` the same as under both', () => {
    const lists = fc.array(subject, { maxLength: 4 });
    fc.assert(
      fc.property(lists, subject, fc.constantFrom('sub' as const, 'pub' as const), (listed, text, action) => {
        const both = allows({ sub: listed, pub: listed, all: [] }, action, text);
        expect(allows({ sub: [], pub: [], all: listed }, action, text)).toBe(both);
      }),
    );
  });
});
