import { randomBytes, randomInt } from 'node:crypto';
import type { TestDatabase } from '../../support/database.js';
import type { HttpClient } from '../../support/http.js';
import type { KnownToken, Verdict } from './timeline.js';

/** A person as those who change and use know them. */
export interface Known {
  id: string;
  username: string;
  password: number;
  active: boolean;
  /** Goes up when a change begins and when it is acknowledged: odd while one is under way. */
  version: number;
  readonly tokens: KnownToken[];
  readonly sessions: { first: KnownToken; refreshToken: string }[];
}

/** A client, likewise. */
export interface KnownClient {
  readonly clientId: string;
  readonly clientSecret: string;
  active: boolean;
  version: number;
  readonly tokens: KnownToken[];
}

export function tally(): Record<Verdict, number> {
  return { right: 0, open: 0, 'wrong acceptance': 0, 'wrong refusal': 0 };
}

export const anyOf = <T>(list: readonly T[]): T | undefined =>
  list.length > 0 ? list[randomInt(list.length)] : undefined;

/** Whose password is the first of the two, and who may read users. */
export async function createPerson(database: TestDatabase, passwordHash: string | undefined): Promise<Known> {
  const username = `p${randomBytes(6).toString('hex')}`;
  const [row] = await database.query<{ id: string }>(
    `WITH person AS (INSERT INTO users (id, username, password_hash) VALUES (gen_random_uuid(), $1, $2) RETURNING id),
       reader AS (INSERT INTO user_roles (user_id, role_name) SELECT id, 'reader' FROM person)
     SELECT id FROM person`,
    [username, passwordHash],
  );
  return { id: row?.id ?? '', username, password: 0, active: true, version: 0, tokens: [], sessions: [] };
}

export async function createClient(admin: HttpClient, n: number): Promise<KnownClient> {
  const { body } = await admin.post<{ clientId: string; clientSecret: string }>('/v1/clients', {
    ...{ name: `client ${n}`, permissions: ['users:read'], audiences: [] },
  });
  return { ...body, active: true, version: 0, tokens: [] };
}
