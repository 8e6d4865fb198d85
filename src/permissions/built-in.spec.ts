import { describe, expect, it } from '@jest/globals';
import type { QueryRunner } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { BUILT_IN_PERMISSIONS } from './built-in.js';

describe('BUILT_IN_PERMISSIONS', () => {
  it('are those that the migrations create', async () => {
    const statements: string[] = [];
    const runner = { query: (sql: string) => Promise.resolve(statements.push(sql)) } as unknown as QueryRunner;
    for (const Migration of migrations) await new Migration().up(runner);
    const inserts = statements.join('\n').match(/INSERT INTO permissions [^;]*;/g) ?? [];
    const names = inserts.flatMap((insert) => [...insert.matchAll(/\('([^']+)',/g)].map(([, name]) => name));
    expect(names.sort()).toEqual([...BUILT_IN_PERMISSIONS].sort());
  });
});
