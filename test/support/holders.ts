import type { HttpClient } from './http.js';
import { createPerson, signIn, type Person } from './people.js';

let count = 0;

/** A name that no other test in this file has taken. */
export function freshName(prefix = 'name'): string {
  return `${prefix}-${++count}`;
}

/** A client of this person's, with a session of its own. */
export async function logInAs(http: HttpClient, person: Person): Promise<HttpClient> {
  return (await signIn(http, person)).http;
}

/** Somebody who holds these permissions, through a role of their own, and nothing else. */
export async function holderOf(
  admin: HttpClient,
  permissions: string[],
): Promise<{ person: Person; role: string; client: HttpClient }> {
  const role = freshName('role');
  const { status, body } = await admin.post('/v1/roles', { name: role, permissions });
  if (status !== 201) throw new Error(`${role} was not created: ${status} ${JSON.stringify(body)}`);
  const person = await createPerson(admin, [role]);
  return { person, role, client: await logInAs(admin, person) };
}
