#!/usr/bin/env node
import { Command, CommanderError } from 'commander';

/** The status of a command that was not understood; one that failed, or a token that is refused, gives 1. */
const USAGE = 2;

/** Each group of commands is loaded only when it is asked for: `portcullis secret` need not wait for the service's rooms. */
const GROUPS = {
  keys: async () => (await import('./cli/keys.js')).keyCommands,
  secret: async () => (await import('./cli/secret.js')).secretCommand,
  token: async () => (await import('./cli/token.js')).tokenCommands,
  users: async () => (await import('./cli/users.js')).userCommands,
  clients: async () => (await import('./cli/clients.js')).clientCommands,
  expire: async () => (await import('./cli/expire.js')).expireCommand,
  migrate: async () => (await import('./cli/migrate.js')).migrateCommand,
  config: async () => (await import('./cli/config.js')).configCommands,
} satisfies Record<string, () => Promise<(program: Command) => void>>;

const program = new Command('portcullis')
  .description('Portcullis from the command line, on the database that the environment names (see the README)')
  .option('--json', 'print JSON')
  .showHelpAfterError()
  .exitOverride();

const asked = process.argv.slice(2).find((argument) => !argument.startsWith('-'));
for (const [name, load] of Object.entries(GROUPS)) {
  // Anything else is help, or a mistake: then all are listed.
  if (asked === undefined || asked === name || !Object.hasOwn(GROUPS, asked)) (await load())(program);
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = await report(error);
}

async function report(error: unknown): Promise<number> {
  // Commander has said what is wrong, or printed the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  const { describeFailure } = await import('./cli/failure.js');
  const failure = describeFailure(error);
  if (program.opts<{ json?: boolean }>().json === true) {
    process.stdout.write(`${JSON.stringify({ error: failure }, null, 2)}\n`);
    return 1;
  }
  const fields = (failure.errors ?? []).map(({ field, message }) => `  ${field} ${message}`);
  process.stderr.write(`${[failure.message, ...fields].join('\n')}\n`);
  return 1;
}
