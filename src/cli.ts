#!/usr/bin/env node
import { CommanderError } from 'commander';
import { USAGE, programFor } from './cli/program.js';

const program = await programFor(process.argv.slice(2).find((argument) => !argument.startsWith('-')));

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = await report(error);
}

async function report(error: unknown): Promise<number> {
  // Commander has said what is wrong, or printed the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  const { describeFailure } = await import('./cli/failure.js');
  const failure = await describeFailure(error);
  if (program.opts<{ json?: boolean }>().json === true) {
    process.stdout.write(`${JSON.stringify({ error: failure }, null, 2)}\n`);
    return 1;
  }
  const fields = (failure.errors ?? []).map(({ field, message }) => `  ${field} ${message}`);
  process.stderr.write(`${[failure.message, ...fields].join('\n')}\n`);
  return 1;
}
