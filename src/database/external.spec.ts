import { describe, expect, it } from '@jest/globals';
import { connectExternal, objectionTo } from './external.js';

describe('objectionTo', () => {
  const good = { version: 150_000, standby: false, readOnly: false, preparedTransactions: 0 };

  it('accepts a writable primary from version 15 on', () => {
    expect(objectionTo(good)).toBeUndefined();
    expect(objectionTo({ ...good, version: 180_004, preparedTransactions: 10 })).toBeUndefined();
  });

  it('refuses older versions, standbys and read-only servers, and says why', () => {
    expect(objectionTo({ ...good, version: 149_999 })).toMatch(/Postgres 14, and Postgres 15 or newer/);
    expect(objectionTo({ ...good, standby: true, readOnly: true })).toMatch(/standby/);
    expect(objectionTo({ ...good, readOnly: true })).toMatch(/read-only/);
  });
});

describe('connectExternal', () => {
  const none: string[] = [];
  const refusal = (url: string, patienceMs: number): Promise<unknown> =>
    connectExternal(url, (message) => none.push(message), patienceMs).catch((error: unknown) => error);

  it('names the server and the cause, and not the password', async () => {
    const error = await refusal('postgres://app:hunter2secret@127.0.0.1:1/tokens', 0);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toMatch(/Cannot use the database at app@127\.0\.0\.1:1\/tokens: .*ECONNREFUSED/);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('hunter2secret');
  });

  it('does not wait for what waiting cannot mend', async () => {
    const error = await refusal('postgres://app:hunter2secret@[broken/tokens', 30_000);
    expect(String(error)).toMatch(/an unreadable URL/);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('hunter2secret');
  });
});
