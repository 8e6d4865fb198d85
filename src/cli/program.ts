import { Command } from 'commander';

/** The status of a command that was not understood; one that failed, or a token that is refused, gives 1. */
export const USAGE = 2;

/** Each group of commands is loaded only when it is asked for: `portcullis secret` need not wait for the service's rooms. */
const GROUPS = {
  keys: async () => (await import('./keys.js')).keyCommands,
  secret: async () => (await import('./secret.js')).secretCommand,
  token: async () => (await import('./token.js')).tokenCommands,
  users: async () => (await import('./users.js')).userCommands,
  clients: async () => (await import('./clients.js')).clientCommands,
  expire: async () => (await import('./expire.js')).expireCommand,
  migrate: async () => (await import('./migrate.js')).migrateCommand,
  config: async () => (await import('./config.js')).configCommands,
} satisfies Record<string, () => Promise<(program: Command) => void>>;

/** The command line, with the commands of the group that is asked for; all, where that is none. It throws where it would end the process. */
export async function programFor(asked: string | undefined): Promise<Command> {
  const program = new Command('portcullis')
    .description('Portcullis from the command line, on the database that the environment names (see the README)')
    .option('--json', 'print JSON')
    .showHelpAfterError()
    // So that the help of each command tells of --json.
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      `
Status: 0 when it is done; 1 when it failed, or the token is refused; ${USAGE.toString()} when the command was not understood.

Examples:
  portcullis users create alice --email alice@example.org --role admin
  portcullis keys list --json`,
    )
    .exitOverride();
  for (const [name, load] of Object.entries(GROUPS)) {
    // Anything else is help, or a mistake: then all are listed.
    if (asked === undefined || asked === name || !Object.hasOwn(GROUPS, asked)) (await load())(program);
  }
  return program;
}
