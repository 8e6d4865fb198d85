import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..', '..');
const DOCS = join(ROOT, 'docs', 'security');

/** A test file in backquotes, and the titles in quotation marks that follow it. */
const REFERENCE = /`((?:test|src|packages|config|migrations)\/[^`\s]+\.(?:spec|e2e|proof)\.ts)`((?:,? "[^"]+")*)/g;

interface Reference {
  file: string;
  titles: string[];
}

function referencesIn(markdown: string): Reference[] {
  return [...markdown.matchAll(REFERENCE)].map(([, file = '', quoted = '']) => ({
    file,
    titles: [...quoted.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
  }));
}

/** What is wrong with what the page says about tests. */
function problemsOf({ file, titles }: Reference): string[] {
  const path = join(ROOT, file);
  if (!existsSync(path)) return [`${file} does not exist`];
  const source = readFileSync(path, 'utf8').replaceAll("\\'", "'");
  return titles.filter((title) => !source.includes(title)).map((title) => `${file} has no test "${title}"`);
}

describe('docs/security', () => {
  it('finds a file and its titles in a sentence, and tells what is missing', () => {
    const [right, wrong, gone] = referencesIn(
      '| `test/support/security-docs.spec.ts` "finds a file", "and its titles"; `src/main.spec.ts` | `src/common/secrets.spec.ts` "x" |',
    );
    expect(right).toEqual({ file: 'test/support/security-docs.spec.ts', titles: ['finds a file', 'and its titles'] });
    expect(wrong).toEqual({ file: 'src/main.spec.ts', titles: [] });
    expect(gone && problemsOf(gone)).toEqual(['src/common/secrets.spec.ts does not exist']);
    expect(problemsOf({ file: 'config/env.spec.ts', titles: ['needs nothing', 'needs everything'] })).toEqual([
      'config/env.spec.ts has no test "needs everything"',
    ]);
  });

  it.each(readdirSync(DOCS).filter((name) => name.endsWith('.md')))('%s names only tests that there are', (name) => {
    const references = referencesIn(readFileSync(join(DOCS, name), 'utf8'));
    expect(references.length).toBeGreaterThan(0);
    expect(references.flatMap(problemsOf)).toEqual([]);
  });
});
