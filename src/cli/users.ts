import type { Command } from 'commander';
import { UUID } from '../common/pagination.js';
import { SYSTEM } from '../common/principal.js';
import { generatedPassword } from '../users/generated-password.js';
import { UserAdministration } from '../users/user-administration.js';
import { CreateUserDto, UpdateUserDto } from '../users/users.dto.js';
import { UsersService } from '../users/users.service.js';
import { withApplication, type Application } from './application.js';
import { checked } from './checked.js';
import { CliError } from './cli-error.js';
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
      const chosen = chosenPassword(options);
      const created = await withApplication(async (application, env) => {
        const password = chosen ?? generatedPassword(env.password.minLength);
        const { email, displayName, role: roles } = options;
        const mustChangePassword = chosen === null;
        const dto = await checked(CreateUserDto, { username, email, displayName, roles, password, mustChangePassword });
        const user = await application.get(UserAdministration, { strict: false }).create(SYSTEM, dto);
        return { id: user.id, username: user.username, roles: user.roles, ...(mustChangePassword && { password }) };
      });
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
        const user = await withApplication(async (application) => {
          const change = { actor: SYSTEM, id: await idOf(application, name), ifMatch: undefined };
          return application.get(UserAdministration, { strict: false })[verb](change);
        });
        print(command, { id: user.id, username: user.username, status: user.status });
      });
  }

  users
    .command('reset-password <user>')
    .description('give a user a generated password, printed once and changed at the next login; every session ends')
    .option('--password-file <path>', 'take the password from a file instead (- is standard input)')
    .addHelpText('after', '\nExample:\n  portcullis users reset-password alice')
    .action(async (name: string, options: { passwordFile?: string }, command: Command) => {
      const chosen = chosenPassword(options);
      const answer = await withApplication(async (application, env) => {
        const password = chosen ?? generatedPassword(env.password.minLength);
        const change = { actor: SYSTEM, id: await idOf(application, name), ifMatch: undefined };
        const mustChangePassword = chosen === null;
        const dto = await checked(UpdateUserDto, { password, mustChangePassword });
        const user = await application.get(UserAdministration, { strict: false }).update(change, dto);
        return { id: user.id, username: user.username, ...(mustChangePassword && { password }) };
      });
      print(command, answer);
    });
}

function chosenPassword({ passwordFile }: { passwordFile?: string }): string | null {
  return passwordFile === undefined ? null : readSecret(passwordFile);
}

async function idOf(application: Application, name: string): Promise<string> {
  const key = UUID.test(name) ? { id: name } : { username: name };
  const found = await application.get(UsersService, { strict: false }).credentialsFor(key);
  if (!found) throw new CliError(`There is no user ${name}.`);
  return found.id;
}
