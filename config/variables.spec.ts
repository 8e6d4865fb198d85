import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { configurationTable, VARIABLES } from './variables.js';

describe('configurationTable', () => {
  const rows = configurationTable().split('\n').slice(2);

  it('has one row of four cells for each variable', () => {
    expect(rows).toHaveLength(Object.keys(VARIABLES).length);
    expect(rows.filter((row) => row.split('|').length !== 6)).toEqual([]);
  });

  it('is what the README holds', () => {
    const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8').split('\n');
    expect(readme.filter((line) => /^\| `(PORTCULLIS_|[A-Z_]+`)/.test(line))).toEqual(rows);
  });
});
