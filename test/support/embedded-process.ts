import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { startEmbeddedPostgres } from '../../src/database/embedded/supervisor.js';

// A process that runs or joins the embedded database, for tests that kill it. Arguments: the data directory, and `write` to insert rows as
// fast as it can. It prints one JSON object per line, and stops in good order when its standard input ends.

export type Report =
  { started: { owner: boolean; url: string; ms: number } } | { acknowledged: number } | { log: string };

const [dataDir = '', mode] = process.argv.slice(2);
const report = (line: Report): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

const since = performance.now();
const server = await startEmbeddedPostgres({ dataDir, log: (log) => report({ log }) });
report({ started: { owner: server.owner, url: server.connection.url, ms: performance.now() - since } });
createInterface(process.stdin).once('close', () => void server.stop().then(() => process.exit(0)));

if (mode === 'write') {
  const client = new Client({ connectionString: server.connection.url });
  await client.connect();
  await client.query('CREATE TABLE IF NOT EXISTS written (id int PRIMARY KEY)');
  const { rows } = await client.query<{ last: number }>('SELECT coalesce(max(id), 0) AS last FROM written');
  for (let id = (rows[0]?.last ?? 0) + 1; ; id += 1) {
    await client.query('INSERT INTO written VALUES ($1)', [id]);
    report({ acknowledged: id });
  }
}
