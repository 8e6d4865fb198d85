import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from 'pg';
import { asAccount } from '../../../src/database/embedded/identity.js';
import type { Place } from '../../../src/database/embedded/place.js';
import type { OwnPostgres, OwnPostgresOptions, Wrapper } from './own-postgres.js';

/** A disk that can be filled and emptied again, and how to put the service's database on it. */
export interface Disk {
  readonly options: OwnPostgresOptions;
  fill(postgres: OwnPostgres): Promise<void>;
  free(postgres: OwnPostgres): Promise<void>;
}

/** Kilobytes. A new database takes eight thousand of them. */
const SIZE = 32_000;
/** In units of 512 bytes: more than a segment of the write-ahead log, whose loss is another fault. */
const LONGEST_FILE = 33_000;
/** Any account but root. Inside the namespace it is the owner of the files. */
const INSIDE = 65_534;

/** A file system of its own, which only this server sees and which goes with it: it says ENOSPC. */
export const SMALL_DISK: Disk = {
  options: {
    wrapper: (place, directory) => inNamespace(mountPoint(place, directory)),
    prepare: async (superuser, directory) => {
      await superuser.query(`CREATE TABLESPACE small LOCATION '${join(directory, 'disk')}'`);
      await superuser.query('CREATE ROLE portcullis LOGIN');
      await superuser.query('CREATE DATABASE portcullis OWNER portcullis TABLESPACE small');
    },
  },
  // From a database that is elsewhere: on a full disk Postgres cannot even drop a table.
  fill: async (postgres) => {
    await postgres.asSuperuser('postgres', async (client) => {
      // What Postgres has in memory only would have no room later, and stand in everybody's way.
      await client.query('CHECKPOINT');
      await client.query('CREATE TABLE ballast (content text) TABLESPACE small');
      for (const rows of [1000, 10, 1]) {
        await untilRefused(client, `INSERT INTO ballast SELECT repeat('x', 1000) FROM generate_series(1, ${rows})`);
      }
    });
    await fillAuditTrail(postgres);
  },
  free: (postgres) =>
    postgres.asSuperuser('postgres', async (client) => {
      await client.query('DROP TABLE ballast');
    }),
};

/** A limit to the size of files, which needs no rights at all: the table that every change writes to cannot grow. */
export const SHORT_FILES: Disk = {
  options: {
    wrapper: ({ identity }) => [
      ...['/bin/sh', '-c', `ulimit -S -f ${LONGEST_FILE} && exec "$@"`, 'sh'],
      ...identity.wrapper,
    ],
  },
  fill: fillAuditTrail,
  free: (postgres) =>
    postgres.asSuperuser('portcullis', async (client) => {
      await client.query(`DELETE FROM audit_events WHERE action = 'ballast'`);
      await client.query('VACUUM audit_events');
    }),
};

/** Whether this machine lets the account that Postgres runs as have a namespace with a file system in it. */
export function canMount(): boolean {
  const [command = '', ...args] = inNamespace('/tmp');
  const account = process.getuid?.() === 0 ? { uid: INSIDE, gid: INSIDE } : undefined;
  return spawnSync(command, [...args, 'true'], { cwd: '/', ...asAccount(account) }).status === 0;
}

function inNamespace(mounted: string): ReturnType<Wrapper> {
  const mount = `mount -t tmpfs -o size=${SIZE}k,mode=0700 tmpfs "$1" || exit 1; shift`;
  const become = `exec unshare --user --map-user=${INSIDE} --map-group=${INSIDE} -- "$@"`;
  return ['unshare', '--user', '--map-root-user', '--mount', '/bin/sh', '-c', `${mount}; ${become}`, 'sh', mounted];
}

function mountPoint({ identity }: Place, directory: string): string {
  const disk = join(directory, 'disk');
  mkdirSync(disk, { mode: 0o700 });
  if (identity.account) chownSync(disk, identity.account.uid, identity.account.gid);
  return disk;
}

/** Every change writes to it: no room is left there, be it between other rows. */
async function fillAuditTrail(postgres: OwnPostgres): Promise<void> {
  await postgres.asSuperuser('portcullis', async (client) => {
    for (const length of [1000, 1]) {
      for (const rows of [1000, 10, 1]) {
        await untilRefused(
          client,
          `INSERT INTO audit_events (action, outcome, actor_type, details)
           SELECT 'ballast', 'success', 'system', jsonb_build_object('x', repeat('x', ${length}))
           FROM generate_series(1, ${rows})`,
        );
      }
    }
  });
}

async function untilRefused(client: Client, insert: string): Promise<void> {
  while (await inserts(client, insert));
}

async function inserts(client: Client, insert: string): Promise<boolean> {
  try {
    await client.query(insert);
    return true;
  } catch (error) {
    if (/^(53100|XX000)$/.test((error as { code: string }).code)) return false;
    throw error;
  }
}
