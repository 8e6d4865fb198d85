import { randomBytes } from 'node:crypto';
import { Option, type Command } from 'commander';
import { print } from './output.js';

/** `portcullis secret` */
export function secretCommand(program: Command): void {
  program
    .command('secret')
    .description('print a new random secret, as base64: 32 bytes for HS256 or a master key, 48 for HS384, 64 for HS512')
    .addOption(new Option('--bytes <number>').choices(['32', '48', '64']).default('32'))
    .addHelpText('after', '\nExample:\n  portcullis secret --bytes 64')
    .action((options: { bytes: string }, command: Command) => {
      const secret = randomBytes(Number(options.bytes)).toString('base64');
      print(command, { secret, bytes: Number(options.bytes) }, secret);
    });
}
