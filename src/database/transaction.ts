import type { DataSource, EntityManager } from 'typeorm';
import { isRetryable } from '../common/database-errors.js';

/**
 * Runs `work` in one transaction and, when Postgres breaks it off because of a deadlock or a serialisation failure, runs it again. `work`
 * may therefore run several times: it changes nothing outside the database.
 *
 * READ COMMITTED by name, whatever the server's default is: the validity clock and every "lock, then read" count on each statement seeing
 * what was committed before it.
 */
export async function inTransaction<T>(
  dataSource: DataSource,
  work: (manager: EntityManager) => Promise<T>,
  attempts = 5,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await dataSource.transaction('READ COMMITTED', work);
    } catch (error) {
      if (attempt >= attempts || !isRetryable(error)) throw error;
    }
  }
}
