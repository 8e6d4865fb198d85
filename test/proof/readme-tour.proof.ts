import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ServiceProcess } from '../support/service-process.js';
import { inBash, tourOn } from './support/tour.js';

jest.setTimeout(180_000);

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

describe('the tour in the README', () => {
  it('prints what the README says, at a fresh start', async () => {
    const { blocks, promised } = tourOn('README.md');
    expect(blocks).toHaveLength(2);
    const [, password = ''] = /password +(\S+)/.exec(first.spoken) ?? [];
    const script = blocks
      .join('\n')
      .replaceAll('http://localhost:3000', first.http.url)
      .replaceAll('http://localhost:3001', second.http.url);
    const { stdout, stderr } = await inBash(script, { PASSWORD: password });
    expect(stderr).toBe('');
    expect(stdout).toBe(promised);
  });
});
