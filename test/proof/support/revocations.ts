import { randomBytes } from 'node:crypto';
import { ORDERS_READ } from '../../support/guarded-backends.js';
import type { HttpClient } from '../../support/http.js';
import { clientToken, createClient } from '../../support/oauth.js';
import { createPerson, type Person } from '../../support/people.js';
import { claimsOf } from '../../support/tokens.js';
import { ISSUER, type Fleet } from './fleet.js';

/** A token that all services accept, and what ends it. */
export interface Doomed {
  token: string;
  revoke: () => Promise<unknown>;
}

/** Where and by whom it is done. */
export interface Hands {
  fleet: Fleet;
  http: HttpClient;
  admin: HttpClient;
  /** A role that may read orders. */
  role: string;
}

export interface Revocation {
  kind: string;
  times: number;
  reason: string;
  prepare: (hands: Hands) => Promise<Doomed>;
}

interface Session {
  person: Person;
  token: string;
  refreshToken: string;
}

async function session({ fleet, http, admin, role }: Hands): Promise<Session> {
  const person = await createPerson(admin, [role]);
  const { username, password } = person;
  const { body } = await http.post('/v1/auth/login', { username, password, audience: [fleet.audience, ISSUER] });
  return { person, token: String(body['access_token']), refreshToken: String(body['refresh_token']) };
}

/** @throws Error unless it was done */
async function done(answer: Promise<{ status: number; body: unknown }>): Promise<void> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
}

/** Of a session, which `end` ends. */
const ofSession =
  (end: (session: Session, hands: Hands) => Promise<unknown>) =>
  async (hands: Hands): Promise<Doomed> => {
    const its = await session(hands);
    return { token: its.token, revoke: () => end(its, hands) };
  };

const force = (scope: string, keyOf: (session: Session, hands: Hands) => unknown) =>
  ofSession((its, hands) =>
    done(hands.admin.post('/v1/forced-expirations', { scope, key: keyOf(its, hands), reason: 'proof' })),
  );

async function ofClient({ fleet, http, admin }: Hands, end: (clientId: string) => Promise<unknown>): Promise<Doomed> {
  const client = await createClient(admin, { permissions: [ORDERS_READ], audiences: [fleet.audience] });
  const token = await clientToken(http, client, { resource: fleet.audience, scope: ORDERS_READ });
  return { token, revoke: () => end(client.clientId) };
}

async function generated({ fleet, admin }: Hands, end: (jti: string) => Promise<unknown>): Promise<Doomed> {
  const asked = { audience: fleet.audience, ttlSeconds: 600, permissions: [ORDERS_READ] };
  const { status, body } = await admin.post('/v1/tokens', asked);
  if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
  return { token: String(body['access_token']), revoke: () => end(String(body['jti'])) };
}

/** Of somebody with a role of their own. */
async function ofRole(hands: Hands, end: (role: string) => Promise<unknown>): Promise<Doomed> {
  const role = `readers-${randomBytes(6).toString('hex')}`;
  await done(hands.admin.post('/v1/roles', { name: role, permissions: [ORDERS_READ] }));
  const { token } = await session({ ...hands, role });
  return { token, revoke: () => end(role) };
}

/** Each concerns one token only. */
export const REVOCATIONS: readonly Revocation[] = [
  {
    kind: 'user disabled in SQL',
    times: 90,
    reason: 'user_disabled',
    prepare: ofSession(({ person }, { fleet }) =>
      fleet.database.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [person.id]),
    ),
  },
  {
    kind: 'user disabled',
    times: 60,
    reason: 'user_disabled',
    prepare: ofSession(({ person }, { admin }) => done(admin.post(`/v1/users/${person.id}/disable`))),
  },
  {
    kind: 'user deleted',
    times: 40,
    reason: 'user_deleted',
    prepare: ofSession(({ person }, { admin }) => done(admin.delete(`/v1/users/${person.id}`))),
  },
  {
    kind: 'password changed',
    times: 40,
    reason: 'credentials_changed',
    prepare: ofSession(({ person, token }, { http }) =>
      done(
        http.as(token).post('/v1/auth/password/change', {
          currentPassword: person.password,
          newPassword: `another ${person.password}`,
        }),
      ),
    ),
  },
  {
    kind: 'session ended',
    times: 60,
    reason: 'session_ended',
    prepare: ofSession(({ token, refreshToken }, { http }) =>
      done(http.as(token).post('/v1/auth/logout', { refresh_token: refreshToken })),
    ),
  },
  {
    kind: 'all sessions ended',
    times: 40,
    reason: 'session_ended',
    prepare: ofSession(({ token }, { http }) => done(http.as(token).post('/v1/auth/logout-all'))),
  },
  {
    kind: 'role taken from a user',
    times: 40,
    reason: 'facts_changed',
    prepare: ofSession(({ person }, { admin }) => done(admin.put(`/v1/users/${person.id}/roles`, { roles: [] }))),
  },
  {
    kind: 'permission taken from a role',
    times: 20,
    reason: 'role_changed',
    prepare: (hands) =>
      ofRole(hands, (role) => done(hands.admin.put(`/v1/roles/${role}/permissions`, { permissions: [] }))),
  },
  {
    kind: 'client disabled',
    times: 30,
    reason: 'client_disabled',
    prepare: (hands) => ofClient(hands, (clientId) => done(hands.admin.post(`/v1/clients/${clientId}/disable`))),
  },
  {
    kind: 'token revoked',
    times: 40,
    reason: 'token_revoked',
    prepare: (hands) => generated(hands, (jti) => done(hands.admin.delete(`/v1/tokens/${jti}`))),
  },
  {
    kind: 'forced: user',
    times: 6,
    reason: 'forced_expiration',
    prepare: force('user', ({ person }) => person.id),
  },
  {
    kind: 'forced: session',
    times: 6,
    reason: 'forced_expiration',
    prepare: force('session', ({ token }) => claimsOf(token)['sid']),
  },
  {
    kind: 'forced: token',
    times: 6,
    reason: 'forced_expiration',
    prepare: force('token', ({ token }) => claimsOf(token)['jti']),
  },
  {
    kind: 'forced: client',
    times: 6,
    reason: 'forced_expiration',
    prepare: (hands) =>
      ofClient(hands, (key) =>
        done(hands.admin.post('/v1/forced-expirations', { scope: 'client', key, reason: 'proof' })),
      ),
  },
  {
    kind: 'forced: role',
    times: 6,
    reason: 'role_changed',
    prepare: (hands) =>
      ofRole(hands, (key) => done(hands.admin.post('/v1/forced-expirations', { scope: 'role', key, reason: 'proof' }))),
  },
];

/** Each concerns everybody. */
export const WIDE_REVOCATIONS: readonly Revocation[] = [
  {
    kind: 'forced: audience',
    times: 4,
    reason: 'forced_expiration',
    prepare: force('audience', (_, { fleet }) => fleet.audience),
  },
  {
    kind: 'forced: global',
    times: 3,
    reason: 'forced_expiration',
    prepare: ofSession((_, { admin }) =>
      done(admin.post('/v1/forced-expirations', { scope: 'global', reason: 'proof' })),
    ),
  },
  {
    kind: 'signing key revoked',
    times: 3,
    reason: 'key_revoked',
    prepare: ofSession(({ token }, { admin }) => {
      const [header = ''] = token.split('.');
      const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
      return done(admin.post(`/v1/keys/${kid}/revoke`, { reason: 'proof' }));
    }),
  },
];
