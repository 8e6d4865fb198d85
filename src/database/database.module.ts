import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { Logger } from 'pino';
import { dataSourceOptions } from '../../config/database.js';
import { ENV, type Env } from '../../config/env.js';
import { LOGGER } from '../common/logging.js';
import { CONNECTION, type PostgresConnection } from './connection.js';
import { ExpiredRows } from './expired-rows.js';
import { PooledClient } from './pooled-client.js';

/** The pool of connections that every room's repositories share, and the end of rows that have expired. */
@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [CONNECTION, ENV, LOGGER],
      useFactory: (connection: PostgresConnection, env: Env, logger: Logger) => {
        const options = dataSourceOptions(connection, env);
        return {
          ...options,
          extra: { ...(options.extra as object), Client: PooledClient },
          autoLoadEntities: true,
          // Whoever opened the database has waited for it already.
          retryAttempts: 1,
          // An idle connection broke. The next query opens another one; the process must not end because of it.
          poolErrorHandler: (error: Error) => {
            logger.warn({ reason: error.message }, 'an idle database connection was lost');
          },
        };
      },
    }),
  ],
  providers: [ExpiredRows],
  exports: [ExpiredRows],
})
export class DatabaseModule {}
