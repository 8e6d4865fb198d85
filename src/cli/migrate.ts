import type { Command } from 'commander';
import { print } from './output.js';

/** `portcullis migrate` */
export function migrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('bring the database to the schema of this version; a start of the service does so as well')
    .addHelpText('after', '\nExample:\n  DATABASE_URL=postgres://… portcullis migrate')
    .action(async (_options: object, command: Command) => {
      const { migrateConfigured } = await import('./application.js');
      const applied = await migrateConfigured();
      const forPeople = applied.length === 0 ? 'Nothing to do.' : `Applied: ${applied.join(', ')}`;
      print(command, { applied }, forPeople);
    });
}
