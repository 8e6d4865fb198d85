import type { Command } from 'commander';
import { readSecret } from './input.js';
import { print } from './output.js';

interface CreateOptions {
  email?: string;
  displayName?: string;
  role?: string[];
  passwordFile?: string;
}

/** `portcullis users …` */
export function userCommands(program: Command): void {
  const users = program
    .command('users')
    .description('create, disable and enable people, and reset their passwords')
    .addHelpText('after', '\nExample:\n  portcullis users create alice --email alice@example.org --role admin');

  users
    .command('create <username>')
    .description('create a user, with a generated password that is printed once and changed at the first login')
    .requiredOption('--email <address>')
    .option('--display-name <name>')
    .option('--role <name...>', 'roles to give')
    .option('--password-file <path>', 'take the password from a file instead (- is standard input)')
    .addHelpText('after', '\nExample:\n  portcullis users create alice --email alice@example.org --role admin')
    .action(async (username: string, options: CreateOptions, command: Command) => {
      const { email, displayName, role: roles } = options;
      const chosen = chosenPassword(options);
      const { createUser } = await import('./user-work.js');
      const created = await createUser({ username, email, displayName, roles }, chosen);
      print(command, created);
    });

  for (const [verb, description] of [
    ['disable', 'disable a user: every session and token ends at once'],
    ['enable', 'enable a user'],
  ] as const) {
    users
      .command(`${verb} <user>`)
      .description(description)
      .addHelpText(
        'after',
        `\nThe user is named by name, e-mail address or id.\n\nExample:\n  portcullis users ${verb} alice`,
      )
      .action(async (name: string, _options: object, command: Command) => {
        const { changeStatus } = await import('./user-work.js');
        print(command, await changeStatus(verb, name));
      });
  }

  users
    .command('reset-password <user>')
    .description('give a user a generated password, printed once and changed at the next login; every session ends')
    .option('--password-file <path>', 'take the password from a file instead (- is standard input)')
    .addHelpText('after', '\nExample:\n  portcullis users reset-password alice')
    .action(async (name: string, options: { passwordFile?: string }, command: Command) => {
      const chosen = chosenPassword(options);
      const { resetPassword } = await import('./user-work.js');
      print(command, await resetPassword(name, chosen));
    });
}

function chosenPassword({ passwordFile }: { passwordFile?: string }): string | null {
  return passwordFile === undefined ? null : readSecret(passwordFile);
}
