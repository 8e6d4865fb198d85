import type { Command } from 'commander';
import { readEnv } from '../../config/env.js';
import { print } from './output.js';

/** `portcullis config check` */
export function configCommands(program: Command): void {
  program
    .command('config')
    .description('look at the configuration')
    .addHelpText('after', '\nExample:\n  portcullis config check')
    .command('check')
    .description('read the configuration as a start would, and report everything that is wrong with it at once')
    .addHelpText('after', '\nExample:\n  PORTCULLIS_ISSUER=https://auth.example.org portcullis config check')
    .action((_options: object, command: Command) => {
      const { issuer, port, host, databaseUrl, dataDir, signingAlgorithm } = readEnv();
      const database = databaseUrl === null ? `embedded, in ${dataDir}` : 'external';
      print(command, { ok: true, issuer, host, port, database, signingAlgorithm });
    });
}
