#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { clientCommands } from './cli/clients.js';
import { expireCommand } from './cli/expire.js';
import { describeFailure } from './cli/failure.js';
import { keyCommands } from './cli/keys.js';
import { operationCommands } from './cli/operation.js';
import { secretCommand } from './cli/secret.js';
import { signCommand } from './cli/token-sign.js';
import { tokenCommands } from './cli/token.js';
import { userCommands } from './cli/users.js';

/** The status of a command that was not understood; one that failed, or a token that is refused, gives 1. */
const USAGE = 2;

const program = new Command('portcullis')
  .description('Portcullis from the command line, on the database that the environment names (see the README)')
  .option('--json', 'print JSON')
  .showHelpAfterError()
  .exitOverride();

for (const add of [keyCommands, secretCommand, userCommands, clientCommands, expireCommand, operationCommands])
  add(program);
signCommand(tokenCommands(program));

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  // Commander has said what is wrong, or printed the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  const failure = describeFailure(error);
  if (program.opts<{ json?: boolean }>().json === true) {
    process.stdout.write(`${JSON.stringify({ error: failure }, null, 2)}\n`);
    return 1;
  }
  const fields = (failure.errors ?? []).map(({ field, message }) => `  ${field} ${message}`);
  process.stderr.write(`${[failure.message, ...fields].join('\n')}\n`);
  return 1;
}
