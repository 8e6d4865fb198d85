import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';
import { createDatabase, type TestDatabase } from './support/database.js';
import { connectAsSuperuser, connectTo, one } from './support/sql-client.js';

const EXPIRED = '00000000-0000-7000-8000-000000000001';
const ANN = '00000000-0000-7000-8000-00000000000a';

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createDatabase();
  await database.query(`
    INSERT INTO permissions (name) VALUES ('p:1'), ('p:2');
    INSERT INTO audiences (identifier, algorithm) VALUES ('urn:a', 'RS256'), ('urn:h', 'HS256');
    INSERT INTO clients (client_id, name) VALUES ('c', 'C'), ('d', 'D');
    INSERT INTO client_permissions VALUES ('c', 'p:1'), ('c', 'p:2'), ('d', 'p:1');
    INSERT INTO client_audiences VALUES ('c', 'urn:a'), ('d', 'urn:h');
    INSERT INTO client_secrets (id, client_id, hash) VALUES (gen_random_uuid(), 'c', '\\x01');
    INSERT INTO client_secrets (id, client_id, hash, expires_at) VALUES ('${EXPIRED}', 'c', '\\x02', now() - interval '1 day');
    INSERT INTO signing_keys (kid, algorithm, state, audience, private_key) VALUES
      ('h1', 'HS256', 'retiring', 'urn:h', '\\x01'), ('h2', 'HS256', 'active', 'urn:h', '\\x02');
    INSERT INTO users (id, username) VALUES ('${ANN}', 'ann');
    INSERT INTO generated_tokens (jti, subject, audience, client_id, kid, generated_by_type, generated_by, expires_at) VALUES
      ('by-c', 's', 'urn:a', 'x', 'k', 'client', 'c', now() + interval '1 day'),
      ('by-c-expired', 's', 'urn:a', 'x', 'k', 'client', 'c', now() - interval '1 day'),
      ('by-ann', 's', 'urn:a', 'x', 'k', 'user', '${ANN}', now() + interval '1 day');
  `);
});
afterAll(() => database.drop());

// Each test is one transaction that is rolled back; deferred triggers fire when the test asks for it.
beforeEach(async () => {
  client = await connectTo(database);
  await client.query('BEGIN');
});
afterEach(() => client.end());

/** What a change records, as `kind key reason`. */
async function recorded(change: string, by = client): Promise<string[]> {
  const { seq } = await one(by, 'SELECT seq FROM validity_clock');
  await by.query(`${change}; SET CONSTRAINTS ALL IMMEDIATE`);
  const { rows } = await by.query<{ event: string }>(
    `SELECT kind || ' ' || key || ' ' || reason AS event FROM validity_events WHERE seq > $1 ORDER BY 1`,
    [seq],
  );
  return rows.map(({ event }) => event);
}

const GENERATED = 'token by-c token_revoked';
const SECRETS = ['signing_key h1 key_revoked', 'signing_key h2 key_revoked'];

const CHANGES: [string, string[]][] = [
  [`UPDATE clients SET status = 'disabled' WHERE client_id = 'c'`, ['client c client_disabled', GENERATED]],
  [
    `UPDATE clients SET status = 'disabled', jwks = '{"keys":[]}' WHERE client_id = 'c'`,
    ['client c client_disabled', GENERATED],
  ],
  [`DELETE FROM clients WHERE client_id = 'c'`, ['client c client_disabled', GENERATED]],
  [`UPDATE clients SET client_id = 'e' WHERE client_id = 'd'`, ['client d credentials_changed']],
  [`UPDATE clients SET jwks = '{"keys":[]}' WHERE client_id = 'c'`, ['client c credentials_changed']],
  [`UPDATE clients SET epoch = epoch + 1 WHERE client_id = 'c'`, ['client c credentials_changed']],
  [`UPDATE clients SET epoch = -1, name = 'x' WHERE client_id = 'c'`, []],
  [`UPDATE clients SET status = 'active', name = 'x'`, []],
  [
    `INSERT INTO client_secrets (id, client_id, hash) VALUES (gen_random_uuid(), 'd', '')`,
    ['client d credentials_changed'],
  ],
  [`DELETE FROM client_secrets WHERE client_id = 'c' AND expires_at IS NULL`, ['client c credentials_changed']],
  [`DELETE FROM client_secrets WHERE id = '${EXPIRED}'`, []],
  [`UPDATE client_secrets SET expires_at = NULL WHERE id = '${EXPIRED}'`, ['client c credentials_changed']],
  [`UPDATE client_secrets SET hash = '' WHERE expires_at IS NULL`, ['client c credentials_changed']],
  [
    `INSERT INTO clients (client_id, name) VALUES ('new', 'New');
     INSERT INTO client_secrets (id, client_id, hash) VALUES (gen_random_uuid(), 'new', '')`,
    [],
  ],
  [`DELETE FROM client_permissions WHERE client_id = 'c' AND permission_name = 'p:1'`, ['client c facts_changed']],
  [`UPDATE client_permissions SET client_id = 'd' WHERE permission_name = 'p:2'`, ['client c facts_changed']],
  [`INSERT INTO client_permissions VALUES ('d', 'p:2')`, []],
  [`DELETE FROM permissions WHERE name = 'p:1'`, ['client c facts_changed', 'client d facts_changed']],
  [`UPDATE permissions SET name = 'p:3' WHERE name = 'p:2'`, ['client c facts_changed']],
  [`DELETE FROM client_audiences WHERE client_id = 'c'`, ['client c facts_changed']],
  [`INSERT INTO client_audiences VALUES ('d', 'urn:a')`, []],
  [`DELETE FROM audiences WHERE identifier = 'urn:a'`, ['audience urn:a forced_expiration', 'client c facts_changed']],
  [
    `DELETE FROM audiences WHERE identifier = 'urn:h'`,
    ['audience urn:h forced_expiration', 'client d facts_changed', ...SECRETS],
  ],
  [
    `UPDATE audiences SET identifier = 'urn:i' WHERE identifier = 'urn:h'`,
    ['audience urn:h forced_expiration', 'client d facts_changed', ...SECRETS],
  ],
  [
    `UPDATE audiences SET algorithm = 'RS256' WHERE identifier = 'urn:h'`,
    ['audience urn:h forced_expiration', ...SECRETS],
  ],
  [
    `UPDATE audiences SET algorithm = 'HS384' WHERE identifier = 'urn:h';
     INSERT INTO signing_keys (kid, algorithm, state, audience) VALUES ('h3', 'HS384', 'active', 'urn:h')`,
    ['audience urn:h forced_expiration', ...SECRETS],
  ],
  [`UPDATE audiences SET token_ttl_seconds = 1, claims = '{"a":"user.id"}'`, []],
  [
    `UPDATE users SET status = 'disabled' WHERE id = '${ANN}'`,
    ['token by-ann token_revoked', `user ${ANN} user_disabled`],
  ],
];

describe('what a change of clients and audiences in SQL records', () => {
  it.each(CHANGES)('%s', async (change, events) => {
    expect(await recorded(change)).toEqual(events);
  });

  it('is the same where replication tools have switched ordinary triggers off', async () => {
    const superuser = await connectAsSuperuser(database);
    try {
      await superuser.query(`BEGIN; SET LOCAL session_replication_role = replica`);
      const change = `UPDATE clients SET status = 'disabled' WHERE client_id = 'd';
        DELETE FROM client_secrets WHERE expires_at IS NULL`;
      expect(await recorded(change, superuser)).toEqual(['client c credentials_changed', 'client d client_disabled']);
    } finally {
      await superuser.end();
    }
  });

  it.each(['audiences', 'clients', 'client_secrets', 'client_permissions', 'client_audiences'])(
    'cannot be passed by with TRUNCATE %s',
    async (table) => {
      await expect(client.query(`TRUNCATE ${table} CASCADE`)).rejects.toThrow('would end tokens without a trace');
    },
  );
});

describe('the epoch of a client', () => {
  const epoch = async (): Promise<number> =>
    Number((await one(client, `SELECT epoch FROM clients WHERE client_id = 'c'`))['epoch']);

  it.each<[string, number]>([
    [`UPDATE clients SET status = 'disabled' WHERE client_id = 'c'`, 1],
    [`UPDATE clients SET jwks = '{"keys":[]}' WHERE client_id = 'c'`, 1],
    [`DELETE FROM client_secrets WHERE client_id = 'c' AND expires_at IS NULL`, 1],
    [`INSERT INTO client_secrets (id, client_id, hash) VALUES (gen_random_uuid(), 'c', '')`, 1],
    [`DELETE FROM client_secrets WHERE id = '${EXPIRED}'`, 0],
    [`UPDATE clients SET name = 'x', epoch = 0 WHERE client_id = 'c'`, 0],
    [`DELETE FROM client_permissions WHERE client_id = 'c'`, 0],
  ])('after %s', async (change, difference) => {
    const before = await epoch();
    await client.query(change);
    expect((await epoch()) - before).toBe(difference);
  });
});
