import type { Answer, HttpClient } from '../../support/http.js';

/** Somebody or something that holds more than the one who attacks. */
export interface Target {
  userId: string;
  username: string;
  email: string;
  sessionId: string;
  role: string;
  /** What they hold. */
  permissions: readonly string[];
}

/** The one who attacks. */
export interface Climber {
  userId: string;
  role: string;
  /** What they hold. */
  permissions: readonly string[];
  http: HttpClient;
}

export interface Attempt {
  name: string;
  send: () => Promise<Answer>;
}

/** A password that the one who attacks would know. */
export const KNOWN_PASSWORD = 'a password that the attacker knows';

/** Every way up that there could be, by way of somebody above. None may succeed, whichever permissions the climber holds. */
export function attemptsBy(
  { userId, role, permissions, http }: Climber,
  target: Target,
  fresh: () => string,
): Attempt[] {
  const all = [...new Set([...permissions, ...target.permissions])];
  const user = `/v1/users/${target.userId}`;
  const newUser = (): object => {
    const username = fresh();
    return { username, email: `${username}@example.org`, password: KNOWN_PASSWORD };
  };
  const force = (body: object): Promise<Answer> => http.post('/v1/forced-expirations', { reason: 'proof', ...body });
  const generate = (body: object): Promise<Answer> =>
    http.post('/v1/tokens', { audience: 'http://localhost:3000', ttlSeconds: 60, ...body });
  const attempts: Record<string, () => Promise<Answer>> = {
    'make a role with more': () => http.post('/v1/roles', { name: fresh(), permissions: all }),
    'make a role with their permissions': () =>
      http.post('/v1/roles', { name: fresh(), permissions: target.permissions }),
    'make a role of their name': () => http.post('/v1/roles', { name: target.role, permissions }),
    'make a role named admin': () => http.post('/v1/roles', { name: 'admin', permissions }),
    'make a permission that there is': () => http.post('/v1/permissions', { name: target.permissions[0] }),
    'add to the own role': () => http.put(`/v1/roles/${role}/permissions`, { permissions: all }),
    'swap those of the own role': () => http.put(`/v1/roles/${role}/permissions`, { permissions: target.permissions }),
    'add to the role admin': () => http.put('/v1/roles/admin/permissions', { permissions: all }),
    'empty the role admin': () => http.put('/v1/roles/admin/permissions', { permissions: [] }),
    'add to the role auditor': () => http.put('/v1/roles/auditor/permissions', { permissions: all }),
    'empty their role': () => http.put(`/v1/roles/${target.role}/permissions`, { permissions: [] }),
    'describe their role': () => http.patch(`/v1/roles/${target.role}`, { description: 'mine' }),
    'delete their role': () => http.delete(`/v1/roles/${target.role}`),
    'delete the role admin': () => http.delete('/v1/roles/admin'),
    'delete the role auditor': () => http.delete('/v1/roles/auditor'),
    'delete their permission': () => http.delete(`/v1/permissions/${target.permissions[0] ?? ''}`),
    'make a client with more': () => http.post('/v1/clients', { name: fresh(), permissions: all }),
    'make a client with their permissions': () =>
      http.post('/v1/clients', { name: fresh(), permissions: target.permissions }),
    'make a secret to write tokens with': () => http.post('/v1/audiences', { identifier: fresh(), algorithm: 'HS256' }),
    'take their role': () => http.put(`/v1/users/${userId}/roles`, { roles: [role, target.role] }),
    'take the role admin': () => http.put(`/v1/users/${userId}/roles`, { roles: [role, 'admin'] }),
    'make a user with their role': () => http.post('/v1/users', { ...newUser(), roles: [target.role] }),
    'make an admin': () => http.post('/v1/users', { ...newUser(), roles: ['admin'] }),
    'make a user of their name': () => http.post('/v1/users', { ...newUser(), username: target.username }),
    'make a user of their name, in capitals': () =>
      http.post('/v1/users', { ...newUser(), username: target.username.toUpperCase() }),
    'make a user of their address': () => http.post('/v1/users', { ...newUser(), email: target.email }),
    'take their name': () => http.patch(`/v1/users/${userId}`, { username: target.username }),
    'take their address': () => http.patch(`/v1/users/${userId}`, { email: target.email.toUpperCase() }),
    'set their password': () => http.patch(user, { password: KNOWN_PASSWORD }),
    'set their address': () => http.patch(user, { email: `${fresh()}@example.org` }),
    'set their name': () => http.patch(user, { username: fresh() }),
    'have them change their password': () => http.patch(user, { mustChangePassword: true }),
    'touch them with If-Match': () => http.patch(user, { displayName: 'x' }, { headers: { 'if-match': '*' } }),
    'disable them': () => http.post(`${user}/disable`),
    'enable them': () => http.post(`${user}/enable`),
    'delete them': () => http.delete(user),
    'have a link mailed to set their password': () => http.post(`${user}/reset-password`),
    'invite them': () => http.post(`${user}/invite`),
    'take their roles': () => http.put(`${user}/roles`, { roles: [] }),
    'give them the own role': () => http.put(`${user}/roles`, { roles: [target.role, role] }),
    'end their tokens': () => force({ scope: 'user', key: target.userId }),
    'end their tokens, in capitals': () => force({ scope: 'user', key: target.userId.toUpperCase() }),
    'count their sessions': () => force({ scope: 'user', key: target.userId, dryRun: true }),
    'end their session by force': () => force({ scope: 'session', key: target.sessionId }),
    'end the tokens of their role': () => force({ scope: 'role', key: target.role, endSessions: false }),
    'end their session': () => http.delete(`/v1/auth/sessions/${target.sessionId}`),
    'generate a token with more': () => generate({ permissions: all }),
    'generate a token with their permissions, for nobody': () =>
      generate({ permissions: target.permissions, audience: 'urn:portcullis:broker', subject: 'device' }),
    'generate a token with their role': () => generate({ roles: [target.role] }),
    'generate a token in their name': () => generate({ subject: target.userId.toUpperCase() }),
    'generate a broker’s token in their name': () =>
      generate({ subject: target.userId, permissions: { sub: [], pub: [], all: ['/*'] } }),
    'generate a token that says so in claims': () =>
      generate({ claims: { permissions: all, roles: [target.role], sub: target.userId } }),
    'send a field for rights with a new user': () => http.post('/v1/users', { ...newUser(), permissions: all }),
    'send a field for rights with the own user': () => http.patch(`/v1/users/${userId}`, { roles: [target.role] }),
    'send a hash': () => http.patch(`/v1/users/${userId}`, { passwordHash: 'x', id: target.userId }),
    'send a name with a role': () => http.patch(`/v1/roles/${role}`, { name: 'admin', builtIn: true }),
  };
  return Object.entries(attempts).map(([name, send]) => ({ name, send }));
}
