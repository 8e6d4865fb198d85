import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ServiceProcess } from '../support/service-process.js';

jest.setTimeout(180_000);

const README = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');

/** In the README, what is to be pasted is marked `bash`, and what it prints, right after it, `text`. */
function blocks(language: 'bash' | 'text'): string[] {
  const fences = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms');
  return [...README.matchAll(fences)].map(([, body = '']) => body);
}

let directory: string;
let first: ServiceProcess;
let second: ServiceProcess;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-tour-'));
  const env = { PORTCULLIS_DATA_DIR: join(directory, 'data') };
  first = await ServiceProcess.start(env);
  second = await ServiceProcess.start(env);
});
afterAll(async () => {
  await second.stop();
  await first.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Runs the script as it would be pasted, but for the ports; its output, and everything that went wrong. */
function inBash(script: string): Promise<{ stdout: string; stderr: string }> {
  const { PATH = '', HOME = '' } = process.env;
  const [, password = ''] = /password +(\S+)/.exec(first.spoken) ?? [];
  const adapted = script
    .replaceAll('http://localhost:3000', first.http.url)
    .replaceAll('http://localhost:3001', second.http.url);
  return promisify(execFile)('bash', ['-c', adapted], { env: { PATH, HOME, PASSWORD: password } });
}

describe('the tour in the README', () => {
  it('prints what the README says, at a fresh start', async () => {
    expect(blocks('bash')).toHaveLength(2);
    const { stdout, stderr } = await inBash(blocks('bash').join('\n'));
    expect(stderr).toBe('');
    expect(stdout).toBe(blocks('text').join(''));
  });
});
