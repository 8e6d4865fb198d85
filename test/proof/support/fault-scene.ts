import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Client } from 'pg';
import { logIn } from '../../support/app.js';
import { ServiceProcess } from '../../support/service-process.js';
import { until } from '../../support/until.js';
import { FaultLoad, type Errand } from './fault-load.js';
import { OwnPostgres, type OwnPostgresOptions } from './own-postgres.js';
import { quantilesOf } from './statistics.js';

const ADMIN = { username: 'admin', password: 'correct horse battery staple' };
const POOL_SIZE = 5;
/** The window is followed on so many connections besides. */
const FOLLOWING = 2;
/** Within it (ms) whoever cannot be decided about is told 503. */
const TARGET = 2_000;
/** How long the service is watched while all is well, and after each fault (ms). */
const WATCHED = 3_000;

/** What Postgres did for the answers that were given, other than 503. */
interface Cost {
  perAnswer: number;
  perSecond: number;
}

/** The built service on a Postgres of its own, under load. */
export class FaultScene {
  private constructor(
    readonly postgres: OwnPostgres,
    readonly service: ServiceProcess,
    readonly load: FaultLoad,
    private readonly normal: Cost,
  ) {}

  static async open(what: string, options: OwnPostgresOptions = {}): Promise<FaultScene> {
    const postgres = await OwnPostgres.create(options);
    const service = await ServiceProcess.start({
      DATABASE_URL: postgres.url,
      PORTCULLIS_DATABASE_POOL_SIZE: String(POOL_SIZE),
      PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      PORTCULLIS_RATE_LIMITS: 'off',
      PORTCULLIS_ARGON2_ALLOW_WEAK: 'on',
      PORTCULLIS_ARGON2_MEMORY_KIB: '64',
      PORTCULLIS_ARGON2_ITERATIONS: '1',
      PORTCULLIS_ACCESS_TOKEN_TTL: '1h',
      PORTCULLIS_REFRESH_GRACE_SECONDS: '60',
      PORTCULLIS_ADMIN_USERNAME: ADMIN.username,
      PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
    });
    const load = await FaultLoad.start(service.http, await logIn(service.http, ADMIN));
    await delay(500);
    const since = performance.now();
    const normal = await costDuring(postgres, load, () => delay(WATCHED));
    const scene = new FaultScene(postgres, service, load, normal);
    console.log(
      `proof: ${what}, while all is well: ${scene.tell(since)}; ${normal.perAnswer.toFixed(2)} transactions per answer`,
    );
    return scene;
  }

  async close(): Promise<void> {
    await this.load.stop();
    await this.service.stop();
    await this.postgres.remove();
  }

  /**
   * A fault, and what it does to those who ask: victims are disabled in SQL before and after it, as close to it as can be.
   *
   * @param fault begins and ends it; ends itself at the end of the fault. It may disable others meanwhile.
   * @returns when it began (monotonic, ms)
   */
  async endure(what: string, fault: (disable: (sql: Client) => Promise<void>) => Promise<void>): Promise<number> {
    const { postgres, load } = this;
    const victims = await load.victims(5);
    const disable = (sql: Client): Promise<void> => load.disable(sql, victims.pop());
    const tried = postgres.connectionsReceived();
    await postgres.asSuperuser('portcullis', disable);
    const since = performance.now();
    await fault(disable);
    const over = performance.now();
    await postgres.asSuperuser('portcullis', disable);
    const cost = await costDuring(postgres, load, () => delay(WATCHED));
    const back = await this.recovery(over);
    const perAnswer = cost.perAnswer / this.normal.perAnswer;
    const perSecond = cost.perSecond / this.normal.perSecond;
    console.log(
      `proof: ${what} for ${((over - since) / 1000).toFixed(1)} s: ${this.tell(since)}. Afterwards, right answers after: ${back}. ` +
        `${perAnswer.toFixed(2)} times the usual transactions per answer, ${perSecond.toFixed(2)} times per second; ` +
        `${postgres.connectionsReceived() - tried} connections tried`,
    );
    // How many there are in a second depends on who else uses the machine, too.
    expect(perAnswer).toBeLessThan(5);
    expect(Math.max(0, ...this.refusalsSince(since).map(({ ms }) => ms))).toBeLessThan(10 * TARGET);
    await this.expectFewConnections();
    return since;
  }

  /** Nothing wrong was said, and the process that said it is still the same. */
  expectNothingWrong(): void {
    if (this.load.wrong.length > 0)
      console.log(this.service.log.match(/^.*("fatal"|internal_error).*$/gm)?.slice(0, 5));
    expect(this.load.wrong).toEqual([]);
    expect(this.service.running).toBe(true);
  }

  /** What was acknowledged is there, and each change with its entry in the audit trail. */
  async expectNothingLost(): Promise<void> {
    const { renamed, people } = this.load;
    // Those that were acknowledged before the question: the load may go on.
    const created = [...this.load.created];
    const [row] = await this.postgres.asSuperuser('portcullis', async (client) => {
      const { rows } = await client.query<Record<string, number>>(
        `SELECT (SELECT count(*)::int FROM users WHERE username = ANY ($1)) AS created,
           (SELECT display_name::int FROM users WHERE id = $2) AS renamed,
           (SELECT count(*)::int FROM users u WHERE username LIKE 'made-%' AND
              (SELECT count(*) FROM audit_events WHERE action = 'user.created' AND target_id = u.id::text) <> 1) AS "notAudited",
           (SELECT count(*)::int FROM audit_events WHERE action = 'user.created') - (SELECT count(*)::int FROM audit_events WHERE action = 'user.deleted')
             - (SELECT count(*)::int FROM users) AS "notCreated",
           (SELECT version FROM users WHERE id = $2) - (SELECT count(*)::int FROM audit_events WHERE action = 'user.updated' AND target_id = $3)
             AS versions,
           (SELECT count(*)::int FROM sessions WHERE revoked_reason = 'logout')
             - (SELECT count(*)::int FROM audit_events WHERE action = 'session.ended') AS logouts`,
        [created, people.renamed.id, people.renamed.id],
      );
      return rows;
    });
    console.log(
      `proof: ${created.length} acknowledged creations, and changes up to ${renamed}: ${JSON.stringify(row)}`,
    );
    expect(row).toMatchObject({ created: created.length, notAudited: 0, notCreated: 0, versions: 1, logouts: 0 });
    expect(row?.['renamed']).toBeGreaterThanOrEqual(renamed);
  }

  private tell(moment: number): string {
    const of = (...errands: Errand[]): string => {
      const some = this.refusalsSince(moment).filter(({ errand }) => errands.includes(errand));
      return some.length === 0 ? 'none' : `${quantilesOf(some.map(({ ms }) => ms))} (${some.length})`;
    };
    const others = of('read', 'login', 'refresh', 'write');
    return `${this.load.since(moment).length} answers. Time to a 503: decisions ${of('decision')}; others ${others}`;
  }

  private refusalsSince(moment: number): { errand: Errand; ms: number }[] {
    return this.load.since(moment).filter(({ status }) => status === 503);
  }

  /** Waits until everything is answered again as it should be; tells how long after this moment that was. */
  private async recovery(over: number): Promise<string> {
    const wanted: [Errand, ...number[]][] = [
      ['decision', 404],
      ['read', 200],
      ['login', 200],
      ['refresh', 200],
      ['write', 200, 201],
      ['ready', 200],
    ];
    const first = ([errand, ...statuses]: [Errand, ...number[]]) => this.load.firstAfter(over, errand, ...statuses);
    await until('all is answered again', () => wanted.every((one) => first(one) !== undefined), 30_000);
    return wanted.map((one) => `${one[0]} ${Math.round(first(one) ?? 0)} ms`).join(', ');
  }

  private async expectFewConnections(): Promise<void> {
    const most = POOL_SIZE + FOLLOWING;
    const count = (): Promise<number> =>
      this.postgres.asSuperuser('postgres', async (client) => {
        const { rows } = await client.query<{ count: number }>(
          `SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'portcullis'`,
        );
        return rows[0]?.count ?? 0;
      });
    await until(`it has ${most} connections at most`, async () => (await count()) <= most);
  }
}

async function costDuring(postgres: OwnPostgres, load: FaultLoad, work: () => Promise<void>): Promise<Cost> {
  const before = await transactions(postgres);
  const since = performance.now();
  await work();
  const transacted = (await transactions(postgres)) - before;
  const answered = load.since(since).filter(({ status }) => status !== 503).length;
  return { perAnswer: transacted / answered, perSecond: transacted / ((performance.now() - since) / 1000) };
}

/** Transactions in the service's database. Those of the last second may not have been counted yet. */
async function transactions(postgres: OwnPostgres): Promise<number> {
  return postgres.asSuperuser('postgres', async (client) => {
    const { rows } = await client.query<{ count: string }>(
      `SELECT xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = 'portcullis'`,
    );
    return Number(rows[0]?.count);
  });
}
