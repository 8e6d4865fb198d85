import type { Command } from 'commander';
import { readEnv } from '../../config/env.js';
import { migrateDatabase } from './application.js';
import { print } from './output.js';

/** `portcullis migrate` and `portcullis config check` */
export function operationCommands(program: Command): void {
  program
    .command('migrate')
    .description('bring the database to the schema of this version; a start of the service does so as well')
    .addHelpText('after', '\nExample:\n  DATABASE_URL=postgres://… portcullis migrate')
    .action(async (_options: object, command: Command) => {
      const applied = await migrateDatabase();
      const forPeople = applied.length === 0 ? 'Nothing to do.' : `Applied: ${applied.join(', ')}`;
      print(command, { applied }, forPeople);
    });

  program
    .command('config')
    .description('look at the configuration')
    .command('check')
    .description('read the configuration as a start would, and report everything that is wrong with it at once')
    .addHelpText('after', '\nExample:\n  PORTCULLIS_ISSUER=https://auth.example.org portcullis config check')
    .action((_options: object, command: Command) => {
      const { issuer, port, host, databaseUrl, dataDir, signingAlgorithm } = readEnv();
      const database = databaseUrl === null ? `embedded, in ${dataDir}` : 'external';
      print(command, { ok: true, issuer, host, port, database, signingAlgorithm });
    });
}
