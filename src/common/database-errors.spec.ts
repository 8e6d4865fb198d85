import { describe, expect, it } from '@jest/globals';
import { QueryFailedError, QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError } from 'typeorm';
import {
  hintOf,
  isConnectionLoss,
  isDataException,
  isLockTaken,
  isRetryable,
  violatedForeignKey,
  violatedUnique,
} from './database-errors.js';

const failed = (code: string, constraint?: string): Error => {
  const error = Object.assign(new Error('what Postgres says'), { code, constraint });
  return new QueryFailedError('SELECT', [], error);
};

describe('isConnectionLoss', () => {
  it.each([
    ['08006', 'connection_failure'],
    ['53100', 'disk_full'],
    ['53300', 'too_many_connections'],
    ['57014', 'query_canceled, as by the statement timeout'],
    ['57P01', 'admin_shutdown'],
    ['57P02', 'crash_shutdown'],
    ['57P03', 'cannot_connect_now'],
    ['58030', 'io_error'],
    ['XX000', 'internal_error, as for a file that may not grow'],
    ['25006', 'read_only_sql_transaction'],
    ['25P03', 'idle_in_transaction_session_timeout'],
    ['ECONNREFUSED', 'nobody listens'],
    ['ENOENT', 'there is no socket'],
  ])('%s: %s', (code) => {
    expect(isConnectionLoss(failed(code))).toBe(true);
    expect(isConnectionLoss({ code })).toBe(true);
  });

  it.each([
    new Error('Connection terminated unexpectedly'),
    new Error('timeout exceeded when trying to connect'),
    new Error('Query read timeout'),
    new Error('Client was closed and is not queryable'),
    new QueryRunnerAlreadyReleasedError(),
    new QueryRunnerProviderAlreadyReleasedError(),
  ])('$message', (error) => {
    expect(isConnectionLoss(error)).toBe(true);
  });

  it.each(['23505', '22P02', '40001', '42P01', '42501', '25P02'])(
    'is not what %s says: that is about the request',
    (code) => {
      expect(isConnectionLoss(failed(code))).toBe(false);
    },
  );

  it.each([undefined, null, 'text', new Error('a mistake of ours'), { code: 53100 }])('is not %p', (error) => {
    expect(isConnectionLoss(error)).toBe(false);
  });
});

describe('what an error says about the request', () => {
  it('names the constraint that was in the way', () => {
    expect(violatedUnique(failed('23505', 'users_email_key'))).toBe('users_email_key');
    expect(violatedForeignKey(failed('23503', 'sessions_user'))).toBe('sessions_user');
    expect(violatedUnique(failed('23503', 'sessions_user'))).toBeNull();
    expect(violatedForeignKey(failed('23505', 'users_email_key'))).toBeNull();
  });

  it('gives the hint that tells two reasons of one constraint apart', () => {
    const hinted = { code: '23505', constraint: 'users_email_key', hint: 'quarantined' };
    expect(hintOf(hinted)).toBe('quarantined');
    expect(hintOf(new QueryFailedError('SELECT', [], Object.assign(new Error(), hinted)))).toBe('quarantined');
    expect([failed('23505', 'users_email_key'), undefined, null].map(hintOf)).toEqual([null, null, null]);
  });

  it('tells values that cannot be stored, and transactions that may be tried again', () => {
    expect(isDataException(failed('22021'))).toBe(true);
    expect(isDataException(failed('23505'))).toBe(false);
    expect(isRetryable(failed('40001'))).toBe(true);
    expect(isRetryable(failed('40P01'))).toBe(true);
    expect(isRetryable(failed('57P01'))).toBe(false);
  });
});

describe('isLockTaken', () => {
  it('knows what another transaction is in the way of', () => {
    expect(isLockTaken(failed('55P03'))).toBe(true);
    expect(isLockTaken(failed('40P01'))).toBe(true);
    expect(isLockTaken(failed('40001'))).toBe(false);
    expect(isLockTaken(new Error('lock'))).toBe(false);
  });
});
