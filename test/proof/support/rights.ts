import type { TestDatabase } from '../../support/database.js';

/** Who may do what, and by what they prove who they are: read from the tables, not asked of the service. */
export interface Rights {
  /** Names of permissions by user id. */
  ofUsers: Map<string, Set<string>>;
  /** Names of permissions by name of the role. */
  ofRoles: Map<string, Set<string>>;
  /** Names of permissions by id of the client. */
  ofClients: Map<string, Set<string>>;
  /** All that somebody else could use to get into an account or keep its owner out, by user id. */
  accounts: Map<string, string>;
  /** Ids of the members of the role `admin`, which gets whatever permission is created and loses whatever is deleted. */
  admins: Set<string>;
}

export async function readRights(database: TestDatabase): Promise<Rights> {
  const [users, roles, clients] = await Promise.all([
    database.query<{ id: string; account: string; admin: boolean; permissions: string[] }>(
      `SELECT u.id, concat_ws(' ', u.username, u.email, u.status, u.password_hash, u.must_change_password, u.session_epoch,
           (SELECT count(*) FROM live_sessions s WHERE s.user_id = u.id)) AS account,
         EXISTS (SELECT FROM user_roles r WHERE r.user_id = u.id AND r.role_name = 'admin') AS admin,
         ARRAY(SELECT DISTINCT p.permission_name FROM user_roles r JOIN role_permissions p USING (role_name)
           WHERE r.user_id = u.id ORDER BY 1) AS permissions
       FROM users u`,
    ),
    database.query<{ name: string; permissions: string[] }>(
      `SELECT name, ARRAY(SELECT permission_name FROM role_permissions WHERE role_name = name ORDER BY 1) AS permissions FROM roles`,
    ),
    database.query<{ id: string; permissions: string[] }>(
      `SELECT client_id AS id, array_agg(permission_name) AS permissions FROM client_permissions GROUP BY client_id`,
    ),
  ]);
  return {
    ofUsers: new Map(users.map(({ id, permissions }) => [id, new Set(permissions)])),
    ofRoles: new Map(roles.map(({ name, permissions }) => [name, new Set(permissions)])),
    ofClients: new Map(clients.map(({ id, permissions }) => [id, new Set(permissions)])),
    accounts: new Map(users.map(({ id, account }) => [id, account])),
    admins: new Set(users.filter(({ admin }) => admin).map(({ id }) => id)),
  };
}

/**
 * What somebody did who must not be able to: given a right that they do not hold themselves, or laid hands on someone or something that
 * holds one. Empty when all is well.
 *
 * @param held what they held before, they and every account that they had made theirs
 */
export function overreach(before: Rights, after: Rights, held: ReadonlySet<string>): string[] {
  const beyond = (permissions: Iterable<string> = []): string[] => [...permissions].filter((name) => !held.has(name));
  const given = [...after.ofUsers].flatMap(([id, now]) => {
    if (before.admins.has(id)) return [];
    const had = before.ofUsers.get(id) ?? new Set();
    return beyond(now).flatMap((name) => (had.has(name) ? [] : [`user ${id} got ${name}`]));
  });
  const touched = [...before.accounts].flatMap(([id, account]) => {
    const above = beyond(before.ofUsers.get(id)).length > 0;
    return above && after.accounts.get(id) !== account ? [`user ${id}, who holds more, was touched`] : [];
  });
  const taken = [...before.ofUsers].flatMap(([id, had]) => {
    const now = after.ofUsers.get(id);
    if (before.admins.has(id)) return after.admins.has(id) ? [] : [`user ${id} is no admin any more`];
    return beyond(had).flatMap((name) => (now?.has(name) ? [] : [`user ${id} lost ${name}`]));
  });
  const roles = [...before.ofRoles, ...after.ofRoles].flatMap(([role]) => {
    if (role === 'admin') return [];
    const lost = beyond(before.ofRoles.get(role)).filter((name) => !after.ofRoles.get(role)?.has(name));
    const won = beyond(after.ofRoles.get(role)).filter((name) => !before.ofRoles.get(role)?.has(name));
    return [...lost.map((name) => `role ${role} lost ${name}`), ...won.map((name) => `role ${role} got ${name}`)];
  });
  const clients = [...after.ofClients].flatMap(([id, now]) =>
    beyond(now).flatMap((name) => (before.ofClients.get(id)?.has(name) ? [] : [`client ${id} got ${name}`])),
  );
  return [...new Set([...given, ...touched, ...taken, ...roles, ...clients])];
}
