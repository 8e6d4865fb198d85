import { DataSource } from 'typeorm';
import { migrationOptions } from './database.js';
import { entities } from './entities.js';
import { readEnv } from './env.js';

const { databaseMigrationUrl } = readEnv();
if (databaseMigrationUrl === null) throw new Error('TypeORM needs to be told a database: set DATABASE_URL.');

/** What `npm run typeorm` works on. */
export default new DataSource({
  ...migrationOptions({ url: databaseMigrationUrl }),
  entities,
  logger: 'advanced-console',
});
