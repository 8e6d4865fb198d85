import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { canRun } from './support/debian-programs.js';

jest.setTimeout(180_000);

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples');
/** Depends on how long everything before it took. */
const JWKS_READS = /(\d+) questions for keys/;
const MILLISECONDS = /\d+ ms\b/g;

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-examples-'));
  // Started by root, the database runs as somebody else, who must get through.
  chmodSync(directory, 0o711);
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Runs an example from a clean environment, as its README says. @throws Error when its status is not 0 */
async function run(name: string): Promise<{ stdout: string; stderr: string }> {
  const { PATH = '', HOME = '' } = process.env;
  const [, command = ''] = /^```sh\nnode (\S+)\n```$/m.exec(readmeOf(name)) ?? [];
  expect(command).toBe(`examples/${name}/run.js`);
  return promisify(execFile)(process.execPath, [command], { env: { PATH, HOME, TMPDIR: directory } });
}

function readmeOf(name: string): string {
  return readFileSync(join(EXAMPLES, name, 'README.md'), 'utf8');
}

function promisedOutput(name: string): string {
  const [, text = ''] = /^```text\n(.*?)^```$/ms.exec(readmeOf(name)) ?? [];
  return text;
}

describe('the examples', () => {
  const names = readdirSync(EXAMPLES, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  );

  it('are those of the list', () => {
    const listed = readFileSync(join(EXAMPLES, 'README.md'), 'utf8').matchAll(/`node examples\/([\w-]+)\/run\.js`/g);
    expect([...listed].map(([, name]) => name).sort()).toEqual(names.sort());
  });

  const runnable = names.filter(
    (name) => name !== 'gateways' || ['nginx', 'caddy'].every((program) => canRun(program, 'the example gateways')),
  );

  it.each(runnable)('%s prints what its README says, ends by itself, and leaves nothing behind', async (name) => {
    const since = performance.now();
    const { stdout, stderr } = await run(name);
    expect(stderr).toBe('');
    const withoutFigure = (text: string): string =>
      text.replace(JWKS_READS, 'few questions for keys').replace(MILLISECONDS, 'some ms');
    expect(withoutFigure(stdout)).toBe(withoutFigure(promisedOutput(name)));
    // Ten a minute, and it runs for no more than three.
    const [, reads = '0'] = JWKS_READS.exec(stdout) ?? [];
    expect(Number(reads)).toBeLessThanOrEqual(30);
    expect(readdirSync(directory)).toEqual([]);
    for (const [figure] of stdout.matchAll(MILLISECONDS)) console.log(`proof: the example ${name} measured ${figure}`);
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    console.log(
      `proof: the example ${name} printed ${stdout.split('\n').length - 1} lines as promised, in ${seconds} s`,
    );
  });
});
