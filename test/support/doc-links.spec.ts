import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..', '..');
const PAGES = ['.', 'docs', 'docs/security', 'examples', 'packages/verifier']
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: folder === 'examples', encoding: 'utf8' }).map((name) =>
      join(ROOT, folder, name),
    ),
  )
  .filter((path) => path.endsWith('.md'));

const textOf = (path: string): string => readFileSync(path, 'utf8').replace(/^```[^]*?^```$/gm, '');

/** As GitHub names headings. */
const anchorsOf = (path: string): string[] =>
  [...textOf(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );

describe.each(PAGES.map((path) => [relative(ROOT, path), path]))('%s', (_, path) => {
  const links = [...textOf(path).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)];

  it('has links that lead somewhere', () => {
    for (const [link, file = '', anchor] of links) {
      const target = file === '' ? path : join(dirname(path), file);
      expect([link, existsSync(target)]).toEqual([link, true]);
      if (anchor !== undefined && target.endsWith('.md'))
        expect([link, anchorsOf(target)]).toEqual([link, expect.arrayContaining([anchor])]);
    }
  });
});
