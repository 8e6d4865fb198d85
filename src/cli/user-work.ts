import { UUID } from '../common/pagination.js';
import { SYSTEM } from '../common/principal.js';
import { generatedPassword } from '../users/generated-password.js';
import { UserAdministration } from '../users/user-administration.js';
import { CreateUserDto, UpdateUserDto } from '../users/users.dto.js';
import { UsersService } from '../users/users.service.js';
import { withApplication, type Application } from './application.js';
import { checked } from './checked.js';
import { CliError } from './cli-error.js';

export interface NewUser {
  username: string;
  email: string | undefined;
  displayName: string | undefined;
  roles: string[] | undefined;
}

/** Creates a user. @param chosen the password; null for a generated one, which is answered and to be changed. @throws Problem */
export function createUser(
  given: NewUser,
  chosen: string | null,
): Promise<{ id: string; username: string; roles: readonly string[]; password?: string }> {
  return withApplication(async (application, env) => {
    const password = chosen ?? generatedPassword(env.password.minLength);
    const mustChangePassword = chosen === null;
    const dto = await checked(CreateUserDto, { ...given, password, mustChangePassword });
    const user = await application.get(UserAdministration, { strict: false }).create(SYSTEM, dto);
    return { id: user.id, username: user.username, roles: user.roles, ...(mustChangePassword && { password }) };
  });
}

/** @throws CliError, Problem */
export async function changeStatus(
  verb: 'disable' | 'enable',
  name: string,
): Promise<{ id: string; username: string; status: string }> {
  const { id, username, status } = await withApplication(async (application) => {
    const change = { actor: SYSTEM, id: await idOf(application, name), ifMatch: undefined };
    return application.get(UserAdministration, { strict: false })[verb](change);
  });
  return { id, username, status };
}

/** Gives a user another password. @param chosen as for `createUser`. @throws CliError, Problem */
export function resetPassword(
  name: string,
  chosen: string | null,
): Promise<{ id: string; username: string; password?: string }> {
  return withApplication(async (application, env) => {
    const password = chosen ?? generatedPassword(env.password.minLength);
    const change = { actor: SYSTEM, id: await idOf(application, name), ifMatch: undefined };
    const mustChangePassword = chosen === null;
    const dto = await checked(UpdateUserDto, { password, mustChangePassword });
    const user = await application.get(UserAdministration, { strict: false }).update(change, dto);
    return { id: user.id, username: user.username, ...(mustChangePassword && { password }) };
  });
}

async function idOf(application: Application, name: string): Promise<string> {
  const key = UUID.test(name) ? { id: name } : { username: name };
  const found = await application.get(UsersService, { strict: false }).credentialsFor(key);
  if (!found) throw new CliError(`There is no user ${name}.`);
  return found.id;
}
