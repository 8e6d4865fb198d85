import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { inBackground } from './log-output.js';

const LINE = `${'x'.repeat(999)}\n`;
const BACKLOG = 200;
const LINES = 1_000;

let directory: string;
let pipe: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-log-'));
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  pipe = openSync(join(directory, 'pipe'), constants.O_RDWR | constants.O_NONBLOCK);
});
afterEach(() => {
  closeSync(pipe);
  rmSync(directory, { recursive: true });
});

/** What is in the pipe. */
function read(): string {
  const buffer = Buffer.alloc(65_536);
  try {
    return buffer.toString('utf8', 0, readSync(pipe, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
    throw error;
  }
}

async function readUntil(end: RegExp): Promise<string> {
  let text = '';
  while (!end.test(text)) {
    text += read();
    await turn();
  }
  return text;
}

const unlessWindows = platform() === 'win32' ? describe.skip : describe;

unlessWindows('log lines that nobody reads', () => {
  it('are kept up to a limit, then lost, and told of when somebody reads again', async () => {
    const output = inBackground(pipe, (lines) => `lost ${lines}\n`, BACKLOG * LINE.length);
    for (let n = 0; n < LINES; n++) output.write(LINE);
    const text = await readUntil(/lost \d+\n$/);
    const [, lost] = /lost (\d+)\n$/.exec(text) ?? [];
    const kept = text.split('\n').filter((line) => line.startsWith('xxx')).length;
    expect(kept + Number(lost)).toBe(LINES);
    expect(kept).toBeGreaterThanOrEqual(BACKLOG);
    expect(Number(lost)).toBeGreaterThan(LINES / 2);
    output.write('and on\n');
    expect(await readUntil(/on\n$/)).toBe('and on\n');
  });
});
