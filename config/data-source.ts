import { DataSource } from 'typeorm';
import { AuditEvent } from '../src/audit/audit-event.entity.js';
import { migrationOptions } from './database.js';
import { readEnv } from './env.js';

/** Every entity, for TypeORM's command line, which compares them with the schema. The service itself loads those of its rooms. */
export const ENTITIES = [AuditEvent];

const { databaseMigrationUrl } = readEnv();
if (databaseMigrationUrl === null) throw new Error('TypeORM needs to be told a database: set DATABASE_URL.');

/** What `npm run typeorm` works on. */
export default new DataSource({ ...migrationOptions({ url: databaseMigrationUrl }), entities: ENTITIES });
