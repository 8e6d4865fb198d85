import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ServiceProcess } from '../support/service-process.js';
import { inBash, tourOn } from './support/tour.js';

jest.setTimeout(240_000);

/** The drills of this page have a proof of their own. */
const ELSEWHERE = 'operations.md';

let directory: string;
let service: ServiceProcess;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-docs-'));
  service = await ServiceProcess.start({
    PORTCULLIS_DATA_DIR: join(directory, 'data'),
    // As after the tour in the README.
    PORTCULLIS_ADMIN_PASSWORD: 'violet otters juggle lanterns',
  });
});
afterEach(async () => {
  await service.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe('the blocks to be pasted', () => {
  const pages = readdirSync('docs').filter((page) => page.endsWith('.md') && page !== ELSEWHERE);
  const tours = pages.filter((page) => tourOn(`docs/${page}`).blocks.length > 0);

  it.each(tours)('of docs/%s print what the page says', async (page) => {
    const { blocks, promised } = tourOn(`docs/${page}`);
    // npx looks for the package first, which takes longer than all the rest.
    const script = blocks.join('\n').replaceAll('npx portcullis', 'node dist/src/cli.js');
    const { stdout, stderr } = await inBash(`set -Eeuo pipefail\n${script}`, {
      API: service.http.url,
      PORTCULLIS_DATA_DIR: join(directory, 'data'),
    });
    expect(stderr).toBe('');
    expect(stdout).toBe(promised);
    console.log(
      `proof: the ${blocks.length} blocks of docs/${page} print its ${promised.split('\n').length - 1} lines`,
    );
  });
});
