import { Option, type Command } from 'commander';
import { ForceExpirationDto, SCOPES } from '../auth/forced-expirations.dto.js';
import { ForcedExpirationsService } from '../auth/forced-expirations.service.js';
import { SYSTEM } from '../common/principal.js';
import { withApplication } from './application.js';
import { checked } from './checked.js';
import { print } from './output.js';

interface ExpireOptions {
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
      const counts = await withApplication(async (application) => {
        const dto = await checked(ForceExpirationDto, { ...options, endSessions: keepSessions !== true });
        return application.get(ForcedExpirationsService, { strict: false }).force(dto, SYSTEM);
      });
      print(command, { sessions: counts.sessions, tokens: counts.tokens });
    });
}
