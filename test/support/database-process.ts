import { spawn, type ChildProcessWithoutNullStreams, type SpawnOptions } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type { Report } from './embedded-process.js';

/** A process that runs or joins an embedded database; see embedded-process.ts. */
export interface DatabaseProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly owner: boolean;
  readonly url: string;
  /** From the call to a usable database, in milliseconds. */
  readonly startMs: number;
  /** The highest row whose commit was acknowledged. */
  acknowledged(): number;
  /** Ends the process in good order. */
  close(): Promise<void>;
  /** Ends the process by SIGKILL. */
  kill(): Promise<void>;
}

const support = path.join(process.cwd(), 'test', 'support');
const running = new Set<ChildProcessWithoutNullStreams>();

/** Starts one and waits until its database is usable. */
export async function startDatabaseProcess(
  dataDir: string,
  options: { write?: boolean; spawn?: SpawnOptions } = {},
): Promise<DatabaseProcess> {
  const loader = pathToFileURL(path.join(support, 'typescript.js')).href;
  const program = path.join(support, 'embedded-process.ts');
  const child = spawn(
    process.execPath,
    ['--no-warnings', '--import', loader, program, dataDir, ...(options.write === true ? ['write'] : [])],
    { ...options.spawn, stdio: 'pipe' },
  );
  running.add(child);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void exited.then(() => running.delete(child));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));

  let acknowledged = 0;
  const started = new Promise<Extract<Report, { started: unknown }>['started']>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      const report = JSON.parse(line) as Report;
      if ('started' in report) resolve(report.started);
      if ('acknowledged' in report) acknowledged = report.acknowledged;
    });
  });
  const first = await Promise.race([started, exited]);
  if (first === undefined) throw new Error(`The process ended before its database was usable: ${errors}`);
  return {
    child,
    owner: first.owner,
    url: first.url,
    startMs: first.ms,
    acknowledged: () => acknowledged,
    close: () => {
      child.stdin.end();
      return exited;
    },
    kill: () => {
      child.kill('SIGKILL');
      return exited;
    },
  };
}

/** Ends what a failed test left running. */
export function killDatabaseProcesses(): void {
  for (const child of running) child.kill('SIGKILL');
}
