import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';

const PROGRAM = join(import.meta.dirname, '..', '..', '..', '.ci', 'with-postgres');

/** A private server of the Postgres that is installed on this system, whose `pg_dump` fits it. */
export interface SystemPostgres {
  /** The URL of a new, empty database that an ordinary role owns. */
  createDatabase(name: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startSystemPostgres(): Promise<SystemPostgres> {
  const program = 'console.log(process.env.TEST_DATABASE_URL); process.stdin.resume();';
  const child = spawn(PROGRAM, [process.execPath, '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const firstLine = once(createInterface(child.stdout), 'line') as Promise<[string]>;
  const url = await Promise.race([firstLine.then(([line]) => line), exited.then(() => null)]);
  if (url === null) throw new Error('The Postgres of this system did not start; its messages are above.');
  const superuser = new Client({ connectionString: url });
  await superuser.connect();
  await superuser.query(`CREATE ROLE operator LOGIN PASSWORD 'operator'`);
  return {
    createDatabase: async (name) => {
      await superuser.query(`CREATE DATABASE ${name} OWNER operator`);
      const owner = new URL(url);
      owner.username = owner.password = 'operator';
      owner.pathname = `/${name}`;
      return owner.href;
    },
    stop: async () => {
      await superuser.end();
      child.stdin.end();
      await exited;
    },
  };
}
