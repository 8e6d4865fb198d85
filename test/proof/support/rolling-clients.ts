import { randomBytes } from 'node:crypto';
import type { Answered, IssuedToken, RollingTraffic, Round } from './rolling-traffic.js';

const ME = '/v1/auth/me';

interface Login {
  username: string;
  password: string;
}

interface Session {
  access: IssuedToken;
  refresh: string;
}

/** One of each kind of client that a service has, each with its own people, so that they do not get in each other's way. */
export function clientsOf(traffic: RollingTraffic, admin: Login): Round[] {
  const client = new Client(traffic, admin);
  return [
    sessionInUse(client),
    sessionInUse(client),
    () => visit(client),
    () => lifeOfAUser(client),
    () => lifeOfARole(client),
    () => lifeOfAPassword(client),
  ];
}

/** What the rounds below are made of: requests whose right answer is known. */
class Client {
  constructor(
    private readonly traffic: RollingTraffic,
    private readonly admin: Login,
  ) {}

  ask(expected: string, method: string, path: string, token?: IssuedToken, body?: object): Promise<Answered> {
    return this.traffic.ask(expected, method, path, { token, ...(body && { body }) });
  }

  async logIn({ username, password }: Login): Promise<Session> {
    return sessionIn(await this.ask('ok', 'POST', '/v1/auth/login', undefined, { username, password }));
  }

  async administrator(): Promise<IssuedToken> {
    return (await this.logIn(this.admin)).access;
  }

  async refresh(expected: string, { refresh }: Session): Promise<Session> {
    return sessionIn(await this.ask(expected, 'POST', '/v1/auth/refresh', undefined, { refresh_token: refresh }));
  }

  /** Somebody new. */
  async createUser(admin: IssuedToken, roles: string[] = []): Promise<Login & { path: string }> {
    const username = freshName();
    const login = { username, password: `password of ${username}` };
    const { body } = await this.ask('ok', 'POST', '/v1/users', admin, {
      ...login,
      email: `${username}@example.org`,
      roles,
    });
    return { ...login, path: `/v1/users/${String(body['id'])}` };
  }
}

/** Somebody who stays: the session is refreshed again and again, and each token is used where it comes. */
function sessionInUse(client: Client): Round {
  let session: Session | null = null;
  return async () => {
    const before: Session = session ?? (await client.logIn(await client.createUser(await client.administrator())));
    // Logs in anew if a refresh fails.
    session = null;
    const next = await client.refresh('ok', before);
    session = next;
    for (const token of [next.access, next.access, before.access, next.access])
      await client.ask('ok', 'GET', ME, token);
    await client.ask('ok', 'GET', '/.well-known/jwks.json');
  };
}

async function visit(client: Client): Promise<void> {
  const user = await client.createUser(await client.administrator());
  const session = await client.logIn(user);
  const other = await client.logIn(user);
  await client.ask('ok', 'GET', ME, session.access);
  await client.ask('ok', 'POST', '/v1/auth/logout', session.access);
  for (let n = 0; n < 2; n++) await client.ask('401 session_ended', 'GET', ME, session.access);
  await client.refresh('401 invalid_grant', session);
  await client.ask('ok', 'GET', ME, other.access);
}

async function lifeOfAUser(client: Client): Promise<void> {
  const admin = await client.administrator();
  const user = await client.createUser(admin);
  const session = await client.logIn(user);
  await client.ask('ok', 'GET', ME, session.access);
  await client.ask('ok', 'POST', `${user.path}/disable`, admin);
  for (let n = 0; n < 2; n++) await client.ask('401 user_disabled', 'GET', ME, session.access);
  await client.refresh('401 invalid_grant', session);
  await client.ask('401 invalid_credentials', 'POST', '/v1/auth/login', undefined, loginOf(user));
  await client.ask('ok', 'POST', `${user.path}/enable`, admin);
  await client.ask('401 user_disabled', 'GET', ME, session.access);
  const again = await client.logIn(user);
  await client.ask('ok', 'GET', ME, again.access);
  await client.ask('ok', 'DELETE', user.path, admin);
  for (let n = 0; n < 2; n++) await client.ask('401 user_deleted', 'GET', ME, again.access);
}

async function lifeOfARole(client: Client): Promise<void> {
  const admin = await client.administrator();
  const name = freshName();
  const list = '/v1/users?limit=1';
  await client.ask('ok', 'POST', '/v1/roles', admin, { name, permissions: ['users:read'] });
  const session = await client.logIn(await client.createUser(admin, [name]));
  await client.ask('ok', 'GET', list, session.access);
  await client.ask('ok', 'PUT', `/v1/roles/${name}/permissions`, admin, { permissions: ['audit:read'] });
  for (let n = 0; n < 2; n++) await client.ask('401 role_changed', 'GET', list, session.access);
  await client.ask('ok', 'GET', ME, session.access);
  const next = await client.refresh('ok', session);
  await client.ask('403 insufficient_scope', 'GET', list, next.access);
  await client.ask('ok', 'GET', '/v1/audit-events?limit=1', next.access);
  await client.ask('ok', 'DELETE', `/v1/roles/${name}`, admin);
  for (let n = 0; n < 2; n++) await client.ask('401 role_changed', 'GET', '/v1/audit-events?limit=1', next.access);
}

async function lifeOfAPassword(client: Client): Promise<void> {
  const user = await client.createUser(await client.administrator());
  const session = await client.logIn(user);
  const newPassword = 'violet otters juggle lanterns';
  const changed = sessionIn(
    await client.ask('ok', 'POST', '/v1/auth/password/change', session.access, {
      currentPassword: user.password,
      newPassword,
    }),
  );
  for (let n = 0; n < 2; n++) await client.ask('401 credentials_changed', 'GET', ME, session.access);
  await client.refresh('401 invalid_grant', session);
  await client.ask('ok', 'GET', ME, changed.access);
  await client.ask('401 invalid_credentials', 'POST', '/v1/auth/login', undefined, loginOf(user));
  await client.ask('ok', 'GET', ME, (await client.logIn({ ...user, password: newPassword })).access);
}

function sessionIn({ body, by }: Answered): Session {
  return { access: { value: String(body['access_token']), by }, refresh: String(body['refresh_token']) };
}

const loginOf = ({ username, password }: Login): Login => ({ username, password });
const freshName = (): string => `r${randomBytes(6).toString('hex')}`;
