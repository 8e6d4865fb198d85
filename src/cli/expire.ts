import { Option, type Command } from 'commander';
import { SCOPES, type Scope } from '../auth/expiration-scopes.js';
import { print } from './output.js';

interface ExpireOptions {
  scope: Scope;
  reason: string;
  key?: string;
  keepSessions?: boolean;
  dryRun?: boolean;
}

/** `portcullis expire` */
export function expireCommand(program: Command): void {
  program
    .command('expire')
    .description(
      'end all tokens of a scope, and its sessions; after a restored backup: everything, before an instance starts',
    )
    .addOption(new Option('--scope <scope>').choices(SCOPES).makeOptionMandatory())
    .option('--key <key>', 'user id, clientId, audience identifier, session id, role name or jti')
    .requiredOption('--reason <text>', 'for the audit trail')
    .option('--keep-sessions', 'let clients refresh and go on')
    .option('--dry-run', 'only count')
    .addHelpText('after', '\nExample:\n  portcullis expire --scope global --reason "restored from backup"')
    .action(async ({ keepSessions, ...options }: ExpireOptions, command: Command) => {
      const { forceExpiration } = await import('./expiry-work.js');
      print(command, await forceExpiration({ ...options, endSessions: keepSessions !== true }));
    });
}
