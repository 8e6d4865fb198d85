import fc from 'fast-check';
import type { Answer, HttpClient } from '../../support/http.js';
import { signIn } from '../../support/people.js';
import { KNOWN_PASSWORD } from './climbing.js';
import type { Rights } from './rights.js';

/** One thing that somebody tries, with whatever there is; numbers choose, modulo how many there are. */
interface Step {
  kind: (typeof KINDS)[number];
  who: number;
  user: number;
  role: number;
  permissions: number[];
}

const KINDS = [
  'create role',
  'set permissions',
  'delete role',
  'create permission',
  'delete permission',
  'create user',
  'set roles',
  'set password',
  'disable',
  'enable',
  'delete user',
  'force user',
  'force role',
] as const;

/** The same steps for the same seed. */
export function randomSteps(seed: number, count: number): Step[] {
  const choice = fc.nat(1_000_000);
  const step = fc.record({
    kind: fc.constantFrom(...KINDS),
    who: choice,
    user: choice,
    role: choice,
    permissions: fc.array(choice, { maxLength: 3 }),
  });
  return fc.sample(step, { seed, numRuns: count });
}

/** An account that the climbers can use. */
export interface Account {
  id: string;
  http: HttpClient;
}

/** Takes the step, and takes over whatever account it opens. */
export async function take(
  step: Step,
  accounts: Account[],
  rights: Rights,
  fresh: () => string,
): Promise<{ name: string; answer: Answer }> {
  const actor = chosen(accounts, step.who);
  const user = chosen([...rights.ofUsers.keys()], step.user);
  const role = chosen([...rights.ofRoles.keys()], step.role);
  const known = [...new Set([...rights.ofRoles.values()].flatMap((names) => [...names]))].sort();
  const permissions = [...new Set(step.permissions.map((n) => chosen(known, n)))];
  const name = `${step.kind} (by ${actor.id}; user ${user}, role ${role}, ${permissions.join(' ')})`;
  const answer = await send(step, { ...actor, user, role, permissions, fresh });
  if (answer.status < 300) await takeOver(step, answer, accounts, actor.http, user);
  return { name, answer };
}

interface Choice extends Account {
  user: string;
  role: string;
  permissions: string[];
  fresh: () => string;
}

function send({ kind }: Step, { http, user, role, permissions, fresh }: Choice): Promise<Answer> {
  const name = fresh();
  switch (kind) {
    case 'create role':
      return http.post('/v1/roles', { name, permissions });
    case 'set permissions':
      return http.put(`/v1/roles/${role}/permissions`, { permissions });
    case 'delete role':
      return http.delete(`/v1/roles/${role}`);
    case 'create permission':
      return http.post('/v1/permissions', { name: `${name}:write` });
    case 'delete permission':
      return http.delete(`/v1/permissions/${permissions[0] ?? 'x:y'}`);
    case 'create user':
      return http.post('/v1/users', {
        username: name,
        email: `${name}@example.org`,
        password: KNOWN_PASSWORD,
        roles: [role],
      });
    case 'set roles':
      return http.put(`/v1/users/${user}/roles`, { roles: [role] });
    case 'set password':
      return http.patch(`/v1/users/${user}`, { password: KNOWN_PASSWORD });
    case 'disable':
    case 'enable':
      return http.post(`/v1/users/${user}/${kind}`);
    case 'delete user':
      return http.delete(`/v1/users/${user}`);
    case 'force user':
      return http.post('/v1/forced-expirations', { scope: 'user', key: user, reason: 'proof' });
    case 'force role':
      return http.post('/v1/forced-expirations', { scope: 'role', key: role, reason: 'proof', endSessions: false });
  }
}

/** Whoever's password was chosen can be logged in as, unless they are disabled. */
async function takeOver(
  { kind }: Step,
  { body }: Answer,
  accounts: Account[],
  http: HttpClient,
  user: string,
): Promise<void> {
  if (kind !== 'create user' && kind !== 'set password') return;
  const { id, username, status } = body as { id: string; username: string; status: string };
  if (status !== 'active') return;
  const { http: own } = await signIn(http, { username, password: KNOWN_PASSWORD });
  const index = accounts.findIndex((account) => account.id === user);
  if (kind === 'set password' && index >= 0) accounts[index] = { id, http: own };
  else accounts.push({ id, http: own });
}

function chosen<T>(from: readonly T[], n: number): T {
  const one = from[n % from.length];
  if (one === undefined) throw new Error('there is nothing to choose from');
  return one;
}
