import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../support/until.js';
import type { Errand } from './support/fault-load.js';
import { FaultScene } from './support/fault-scene.js';
import { canMount, SHORT_FILES, SMALL_DISK, type Disk } from './support/full-disk.js';

// What is right to answer at every moment is judged by FaultLoad, what comes after each fault by FaultScene.

jest.setTimeout(180_000);

describe('while clients never stop asking, Postgres', () => {
  let scene: FaultScene;
  beforeAll(async () => {
    scene = await FaultScene.open('external Postgres');
  });
  afterEach(() => scene.expectNothingWrong());
  afterAll(async () => {
    await scene.expectNothingLost();
    await scene.close();
  });

  const countsOf = (since: number, errand: 'decision' | 'read' | 'ready') => {
    const statuses = scene.load.since(since, errand).map(({ status }) => status);
    return { refused: statuses.filter((status) => status === 503).length, all: statuses.length };
  };

  it('ends all connections, 20 times', async () => {
    await scene.endure('connections killed', (disable) =>
      scene.postgres.asSuperuser('portcullis', async (sql) => {
        for (let round = 1; round <= 20; round++) {
          await sql.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'portcullis'`);
          if (round % 10 === 0) await disable(sql);
          await delay(100);
        }
      }),
    );
  });

  it('freezes', async () => {
    const since = await scene.endure('frozen', (disable) =>
      scene.postgres.asSuperuser('portcullis', async (sql) => {
        await disable(sql);
        scene.postgres.freeze();
        // Asked for while it is frozen, so that nobody can say when it happens.
        const disabled = disable(sql);
        await delay(2_500);
        await scene.load.crowd(200);
        await delay(500);
        scene.postgres.thaw();
        await disabled;
      }),
    );
    expect(countsOf(since, 'ready').refused).toBeGreaterThan(0);
  });

  it.each(['fast', 'immediate'] as const)('is stopped (%s) and started', async (how) => {
    const since = await scene.endure(`stopped (${how})`, async () => {
      await scene.postgres.stop(how);
      await delay(2_000);
      await scene.postgres.start();
    });
    expect(countsOf(since, 'ready').refused).toBeGreaterThan(0);
  });

  it('loses one process to SIGKILL, and all connections with it', async () => {
    await scene.endure('recovering from a killed process', async () => {
      scene.postgres.killOneProcess();
      await until('Postgres has recovered', () => scene.postgres.accepts());
    });
  });

  it('has no connection left', async () => {
    const since = await scene.endure('without a free connection', (disable) =>
      scene.postgres.asSuperuser('portcullis', async (sql) => {
        await sql.query('ALTER ROLE portcullis CONNECTION LIMIT 0');
        await sql.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'portcullis'`);
        await disable(sql);
        await delay(2_000);
        await sql.query('ALTER ROLE portcullis CONNECTION LIMIT -1');
      }),
    );
    expect(countsOf(since, 'decision').refused).toBeGreaterThan(0);
    expect(countsOf(since, 'ready').refused).toBeGreaterThan(0);
  });

  it('keeps every connection of the pool waiting for a lock: the guard decides all the same', async () => {
    let locked = 0;
    const since = await scene.endure('a lock on the users', (disable) =>
      scene.postgres.asSuperuser('portcullis', async (sql) => {
        await sql.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
        locked = performance.now();
        await delay(6_000);
        await disable(sql);
        await sql.query('COMMIT');
      }),
    );
    expect(countsOf(since, 'read').refused).toBeGreaterThan(0);
    expect(countsOf(locked, 'decision')).toMatchObject({ refused: 0 });
  });

  it('keeps who asks for the validity window waiting for a lock', async () => {
    const since = await scene.endure('a lock on the validity clock', (disable) =>
      scene.postgres.asSuperuser('portcullis', async (sql) => {
        await sql.query('BEGIN; LOCK TABLE validity_clock IN ACCESS EXCLUSIVE MODE');
        await delay(5_000);
        await disable(sql);
        await sql.query('COMMIT');
      }),
    );
    expect(countsOf(since, 'decision').refused).toBeGreaterThan(0);
  });
});

describe('a full disk', () => {
  const kinds: [string, Disk][] = [['files at their longest', SHORT_FILES]];
  if (canMount()) kinds.push(['no space left on its device', SMALL_DISK]);
  else console.log('proof: NOTICE: no file system can be mounted here; files at their longest stand for a full disk.');

  it.each(kinds)('stops changes and nothing else (%s)', async (kind, disk) => {
    const scene = await FaultScene.open(kind, disk.options);
    try {
      await scene.endure(kind, async () => {
        await disk.fill(scene.postgres);
        const since = performance.now();
        const answers = (errand: Errand) => scene.load.since(since, errand).map(({ status }) => status);
        const refused = (): number => answers('write').filter((status) => status === 503).length;
        await until('changes are refused', () => refused() > 15, 60_000);
        for (const errand of ['decision', 'read'] as const) {
          expect(answers(errand).length).toBeGreaterThan(15);
          expect(answers(errand)).not.toContain(503);
        }
        await disk.free(scene.postgres);
      });
      scene.expectNothingWrong();
      await scene.load.stop();
      await scene.expectNothingLost();
    } finally {
      await scene.close();
    }
  });
});
