import { describe, expect, it } from '@jest/globals';
import { QueryFailedError, type DataSource } from 'typeorm';
import { inTransaction } from './transaction.js';

const failure = (code: string): Error =>
  new QueryFailedError('SELECT', [], Object.assign(new Error('broken off'), { code }));

/** Runs work that fails like this, one failure after the other, and then succeeds. */
async function run(failures: Error[], attempts?: number): Promise<{ answer: unknown; runs: string[] }> {
  const runs: string[] = [];
  const dataSource = {
    transaction: (isolation: string, work: () => Promise<unknown>) => {
      runs.push(isolation);
      return work();
    },
  } as unknown as DataSource;
  const work = (): Promise<string> => {
    const next = failures.shift();
    return next ? Promise.reject(next) : Promise.resolve('done');
  };
  const answer = await inTransaction(dataSource, work, attempts).catch((error: unknown) => error);
  return { answer, runs };
}

describe('inTransaction', () => {
  it('runs once when all goes well, and says how the server is to isolate it', async () => {
    expect(await run([])).toEqual({ answer: 'done', runs: ['READ COMMITTED'] });
  });

  it.each(['40001', '40P01'])('runs again after %s', async (code) => {
    const { answer, runs } = await run([failure(code), failure(code)]);
    expect(answer).toBe('done');
    expect(runs).toHaveLength(3);
  });

  it('gives up after the last attempt', async () => {
    const last = failure('40P01');
    const { answer, runs } = await run([failure('40P01'), failure('40001'), last], 3);
    expect(answer).toBe(last);
    expect(runs).toHaveLength(3);
  });

  it.each([failure('23505'), new Error('a mistake in the code')])('does not repeat %s', async (error) => {
    const { answer, runs } = await run([error]);
    expect(answer).toBe(error);
    expect(runs).toHaveLength(1);
  });
});
