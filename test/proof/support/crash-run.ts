import { expect } from '@jest/globals';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { clusterDirectory, existingMajors } from '../../../src/database/embedded/cluster.js';
import { readPostmasterFile } from '../../../src/database/embedded/postmaster-file.js';
import { occupantOf } from '../../../src/database/embedded/processes.js';
import { serviceConnection } from '../../../src/database/embedded/service-database.js';
import { logIn } from '../../support/app.js';
import type { TestDatabase } from '../../support/database.js';
import { ServiceProcess } from '../../support/service-process.js';
import { until } from '../../support/until.js';
import { newWriters, Unexpected, type Access, type Writer } from './crash-writers.js';
import { quantilesOf } from './statistics.js';

const ADMIN = { username: 'admin', password: 'correct horse battery staple' };
/** A busy machine starts things slowly (ms). */
const PATIENCE = 60_000;

/** What the database holds of half a change: each of these counts what should not be. */
const HALVES = `
SELECT
  (SELECT count(*)::int FROM users u WHERE
     (SELECT count(*) FROM audit_events WHERE action = 'user.created' AND target_id = u.id::text) <> 1) AS "users without their entry",
  (SELECT count(*)::int FROM audit_events WHERE action = 'user.created') - (SELECT count(*)::int FROM users) AS "entries without their user",
  (SELECT count(*)::int FROM users u WHERE session_epoch <> (SELECT count(*) FROM audit_events
     WHERE action IN ('password.changed', 'user.disabled') AND target_id = u.id::text)) AS "epochs that do not count the endings",
  (SELECT count(*)::int FROM users u WHERE version <> 1 + (SELECT count(*) FROM audit_events
     WHERE action IN ('password.changed', 'user.disabled', 'user.enabled') AND target_id = u.id::text)) AS "versions that do not count the changes",
  (SELECT count(*)::int FROM users u WHERE (status = 'disabled') <> coalesce((SELECT action = 'user.disabled' FROM audit_events
     WHERE action IN ('user.disabled', 'user.enabled') AND target_id = u.id::text ORDER BY id DESC LIMIT 1), false)) AS "wrong statuses",
  (SELECT count(*)::int FROM users u WHERE session_epoch > 0 AND NOT EXISTS
     (SELECT FROM validity_events WHERE kind = 'user' AND key = u.id::text)) AS "endings without their event",
  (SELECT count(*)::int FROM sessions s WHERE (revoked_at IS NOT NULL) <> EXISTS
     (SELECT FROM audit_events WHERE action = 'session.ended' AND target_id = s.id::text)) AS "logouts without their entry",
  (SELECT count(*)::int FROM sessions s WHERE revoked_at IS NOT NULL AND NOT EXISTS
     (SELECT FROM validity_events WHERE kind = 'session' AND key = s.id::text)) AS "logouts without their event",
  (SELECT count(*)::int FROM audit_events WHERE action IN ('login.succeeded', 'password.changed'))
     - (SELECT count(*)::int FROM sessions) AS "entries without their session",
  (SELECT count(*)::int FROM validity_events, validity_clock c WHERE validity_events.seq > c.seq) AS "events ahead of the clock"`;

/** A service that is killed in the middle of writes and started again, on one database. */
export class CrashRun {
  private readonly dataDir = mkdtempSync(join(tmpdir(), 'portcullis-crash-'));
  private service: ServiceProcess | undefined;

  /** @param external absent: the embedded database */
  constructor(private readonly external?: TestDatabase) {}

  /** Kills it so many times; what was acknowledged must be there after each start, and nothing half-done. */
  async crash(rounds: number): Promise<void> {
    const starts: number[] = [];
    let access = await this.start();
    const writers = [...(await newWriters(access)), ...(await newWriters(access))];
    let acknowledged = 0;
    for (let round = 1; round <= rounds; round++) {
      acknowledged += await this.writeUntilKilled(access, writers, randomInt(15, 60));
      // In the other rounds the next owner comes while the embedded database is still about to end.
      if (!this.external && round % 2 === 0) await this.databaseEnded();
      const since = performance.now();
      access = await this.start();
      starts.push(performance.now() - since);
      await this.expectWhole(access, writers, since);
    }
    console.log(
      `proof: kill -9, ${this.external ? 'external' : 'embedded'}: ${rounds} rounds, ${acknowledged} acknowledged changes, ` +
        `none lost, none half-done. From start to login: ${quantilesOf(starts)}`,
    );
  }

  async end(): Promise<void> {
    await this.service?.stop('SIGKILL');
    if (!this.external) await this.databaseEnded();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  private async start(): Promise<Access> {
    this.service = await ServiceProcess.start({
      PORTCULLIS_DATA_DIR: this.dataDir,
      ...(this.external && { DATABASE_URL: this.external.url }),
      PORTCULLIS_RATE_LIMITS: 'off',
      PORTCULLIS_ARGON2_ALLOW_WEAK: 'on',
      PORTCULLIS_ARGON2_MEMORY_KIB: '64',
      PORTCULLIS_ARGON2_ITERATIONS: '1',
      PORTCULLIS_ACCESS_TOKEN_TTL: '1h',
      // The answer to a refresh that was lost with the service is asked for again once there is another.
      PORTCULLIS_REFRESH_GRACE_SECONDS: '2m',
      PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
    });
    const { http } = this.service;
    return { http, admin: await logIn(http, ADMIN) };
  }

  /** Lets all write at once, kills the service when so many changes were acknowledged, and waits for the last to notice. */
  private async writeUntilKilled(access: Access, writers: Writer[], changes: number): Promise<number> {
    let acknowledged = 0;
    const count = (): void => {
      if (++acknowledged === changes) this.service?.kill('SIGKILL');
    };
    const ends = await Promise.allSettled(writers.map((writer) => writer.write(access, count)));
    for (const end of ends) {
      const reason: unknown = end.status === 'rejected' ? end.reason : 'it stopped by itself';
      if (reason instanceof Unexpected) throw reason;
      expect(reason).toMatchObject({ code: expect.stringMatching(/^(ECONNRESET|ECONNREFUSED|EPIPE)$/) });
    }
    await this.service?.ended();
    return acknowledged;
  }

  private async expectWhole(access: Access, writers: Writer[], startedAt: number): Promise<void> {
    // The last statement of a killed service may still be at work: what it does is done before anybody judges.
    const others = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'portcullis%'
      AND backend_start < now() - make_interval(secs => $1)`;
    await until(
      'nothing is left of the service before',
      async () => (await this.query(others, (performance.now() - startedAt) / 1000)).length === 0,
      PATIENCE,
    );
    const complaints = await Promise.all(writers.map((writer) => writer.check(access)));
    expect(complaints.flat()).toEqual([]);
    const [halves] = await this.query<Record<string, number>>(HALVES);
    expect(Object.entries(halves ?? {}).filter(([, count]) => count !== 0)).toEqual([]);
  }

  private databaseEnded(): Promise<void> {
    return until('the database has ended with its owner', () => occupantOf(this.cluster()).kind === 'nobody', PATIENCE);
  }

  /** The directory of the embedded database. */
  private cluster(): string {
    return clusterDirectory(this.dataDir, Math.max(...existingMajors(this.dataDir)));
  }

  private async query<Row extends object>(sql: string, ...values: unknown[]): Promise<Row[]> {
    const endpoint = this.external ? undefined : readPostmasterFile(this.cluster())?.endpoint;
    const client = new Client({
      connectionString: endpoint ? serviceConnection(endpoint).url : this.external?.url,
    });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }
}
