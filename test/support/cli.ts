import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface CliResult {
  status: number | null;
  stdout: string;
  stderr: string;
  /** What it printed with `--json`. */
  json(): Record<string, unknown>;
}

/** Runs the built command line in a process of its own, with no environment but PATH, HOME and what is given. */
export async function cli(args: readonly string[], env: Record<string, string> = {}, input = ''): Promise<CliResult> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, ['dist/src/cli.js', ...args], {
    env: { PATH, HOME, ...env },
    stdio: 'pipe',
  });
  child.stdin.on('error', () => undefined).end(input);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  return { status, stdout, stderr, json: () => JSON.parse(stdout) as Record<string, unknown> };
}
