import { Client } from 'pg';

/**
 * A connection of a pool, to be lent to whoever asks. It differs from pg's in what happens when the server fails it:
 *
 * - It may break in the instant between being made and being lent, or while it is lent to somebody who does not listen. That is nothing of
 *   which a process should end: what was asked on it fails by itself.
 * - It is given up as soon as a query was not answered within `query_timeout`. TypeORM would wait as long again for a ROLLBACK that cannot be
 *   sent before that answer, and then put the connection back among the idle ones, in the middle of its transaction: what the next borrower
 *   wrote, and was acknowledged, would be part of that.
 */
export class PooledClient extends Client {
  constructor(...config: ConstructorParameters<typeof Client>) {
    super(...config);
    this.on('error', () => undefined);
    const send = this.query.bind(this) as (...query: unknown[]) => unknown;
    this.query = ((...query: unknown[]) => {
      const answer = send(...query);
      // Without a promise it was asked through the pool, which gives up a connection after any error.
      if (answer instanceof Promise) {
        answer.catch((error: unknown) => {
          if (isReadTimeout(error)) void this.end();
        });
      }
      return answer;
    }) as Client['query'];
  }
}

function isReadTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout';
}
