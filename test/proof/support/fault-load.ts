import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Answer, HttpClient } from '../../support/http.js';
import { createPerson, signIn, type Person, type SignedIn } from '../../support/people.js';

/** What is asked for. A decision is the guard's alone; a read, a login, a refresh and a write need the database after that. */
export type Errand = 'decision' | 'read' | 'login' | 'refresh' | 'write' | 'ready';

export interface Sample {
  readonly errand: Errand;
  /** When it was sent, on the monotonic clock (ms). */
  readonly from: number;
  readonly ms: number;
  readonly status: number;
}

/** A session whose end is a change that began at one moment and was acknowledged at another (monotonic, ms; Infinity: not yet). */
export interface Ending extends SignedIn {
  readonly id: string;
  begun: number;
  acknowledged: number;
}

/** Behind the guards for tokens and for permissions, and no further than the shape of the id: 404 is an acceptance. */
const DECISION = '/v1/users/none';
const READ = '/v1/auth/me';
/** Between the answer to one request of a client and its next (ms): clients that do not ask more because they are answered sooner. */
const PACE = 8;
/** What counts as no answer at all: ten times what is promised (ms). */
const LONGEST = 20_000;
const LOOPS = { decisions: 5, reads: 3, ended: 3, sessions: 2 };

/**
 * Clients that never stop asking, whatever happens to the database, and what is right to answer them: a session that was not ended is
 * accepted or told 503, one that was ended is refused or told 503, and nothing else is said to anybody.
 */
export class FaultLoad {
  readonly samples: Sample[] = [];
  readonly wrong: string[] = [];
  readonly endings: Ending[] = [];
  private readonly loggedOut: Ending[] = [];
  /** Names of users whose creation was acknowledged. */
  readonly created: string[] = [];
  /** The highest display name that was acknowledged. */
  renamed = 0;
  private serial = 0;
  private stopping = false;
  private loops: Promise<void>[] = [];

  private constructor(
    readonly http: HttpClient,
    readonly admin: HttpClient,
    readonly people: { valid: SignedIn[]; sessions: Person[]; renamed: Person; disabled: Person },
  ) {}

  /** @param admin somebody who may read and write users */
  static async start(http: HttpClient, admin: HttpClient): Promise<FaultLoad> {
    const valid = [admin];
    const people = {
      valid: valid.map((client) => ({ accessToken: '', refreshToken: '', http: client })),
      sessions: await Promise.all(Array.from({ length: LOOPS.sessions }, () => createPerson(admin))),
      renamed: await createPerson(admin),
      disabled: await createPerson(admin),
    };
    for (let n = 0; n < 5; n++) {
      people.valid.push(await signIn(http, await createPerson(admin, ['auditor'])));
    }
    await admin.post(`/v1/users/${people.disabled.id}/disable`);
    const load = new FaultLoad(http, admin, people);
    // Endings from before every fault, of each sort.
    for (const sort of ['disable', 'delete', 'password', 'logout'] as const) await load.endNow(sort);
    const times = (count: number, work: () => Promise<void>) => Array.from({ length: count }, () => load.repeat(work));
    load.loops = [
      ...times(LOOPS.decisions, () => load.use('decision', load.anyValid())),
      ...times(LOOPS.reads, () => load.use('read', load.anyValid())),
      ...times(LOOPS.ended, () => load.useEnding()),
      ...people.sessions.map((person) => load.repeat(() => load.live(person))),
      load.repeat(() => load.write()),
      load.repeat(() => load.logInDisabled()),
      load.repeat(() => load.look()),
    ];
    return load;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.loops);
  }

  /** Sessions that nothing has ended yet. */
  async victims(count: number): Promise<Ending[]> {
    const victims: Ending[] = [];
    for (let n = 0; n < count; n++) {
      const person = await createPerson(this.admin, ['auditor']);
      const session = await signIn(this.http, person);
      victims.push({ ...session, id: person.id, begun: Infinity, acknowledged: Infinity });
    }
    this.endings.push(...victims);
    return victims;
  }

  /** Disables a victim in SQL. From its commit on no request may be accepted. */
  async disable(sql: Client, victim: Ending | undefined): Promise<void> {
    if (!victim) throw new Error('there is no victim left');
    victim.begun = performance.now();
    await sql.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [victim.id]);
    victim.acknowledged = performance.now();
  }

  /** So many requests at once, besides those that come anyway. */
  async crowd(count: number): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, (_, n) => this.use(n % 4 === 0 ? 'read' : 'decision', this.anyValid())),
    );
  }

  /** What was asked after this moment, in the order of the answers. */
  since(moment: number, errand?: Errand): Sample[] {
    // They are in the order of the answers, so whatever was answered before that moment ends the search.
    const before = this.samples.findLastIndex(({ from, ms }) => from + ms < moment);
    return this.samples
      .slice(before + 1)
      .filter((sample) => sample.from >= moment && (errand ?? sample.errand) === sample.errand);
  }

  /** The first such answer to a request that was sent after this moment (ms after it), or undefined. */
  firstAfter(moment: number, errand: Errand, ...statuses: number[]): number | undefined {
    const answered = this.since(moment, errand).filter(({ status }) => statuses.includes(status));
    return answered.length === 0 ? undefined : Math.min(...answered.map(({ from, ms }) => from + ms)) - moment;
  }

  private async repeat(work: () => Promise<void>): Promise<void> {
    while (!this.stopping && this.wrong.length < 10) {
      await work();
      await delay(PACE);
    }
  }

  private anyValid(): SignedIn {
    return this.people.valid[this.serial++ % this.people.valid.length] as SignedIn;
  }

  private async endNow(sort: 'disable' | 'delete' | 'password' | 'logout'): Promise<void> {
    const [victim] = (await this.victims(1)) as [Ending];
    victim.begun = performance.now();
    const path = `/v1/users/${victim.id}`;
    if (sort === 'disable') await this.admin.post(`${path}/disable`);
    else if (sort === 'delete') await this.admin.delete(path);
    else if (sort === 'password') await this.admin.patch(path, { password: 'another password than before' });
    else await victim.http.post('/v1/auth/logout');
    victim.acknowledged = performance.now();
  }

  /** Sends a request, and notes what came of it. Undefined when nothing did. */
  private async ask(
    errand: Errand,
    allowed: readonly number[],
    send: () => Promise<Answer<Record<string, unknown>>>,
  ): Promise<Answer<Record<string, unknown>> | undefined> {
    const from = performance.now();
    const limit = new AbortController();
    const answer = await Promise.race([
      send().catch((error: unknown) => String(error)),
      delay(LONGEST, `no answer in ${LONGEST} ms`, { signal: limit.signal }).catch(() => ''),
    ]);
    limit.abort();
    if (typeof answer === 'string') {
      this.wrong.push(`${errand}: ${answer}`);
      return undefined;
    }
    const { status, headers, body } = answer;
    this.samples.push({ errand, from, ms: performance.now() - from, status });
    if (![...allowed, 503].includes(status)) this.wrong.push(`${errand}: ${status} ${JSON.stringify(body)}`);
    if (status === 503 && errand !== 'ready' && !(Number(headers.get('retry-after')) >= 1)) {
      this.wrong.push(`${errand}: 503 without Retry-After`);
    }
    return answer;
  }

  private async use(errand: 'decision' | 'read', { http }: SignedIn): Promise<void> {
    await this.ask(errand, errand === 'decision' ? [404] : [200], () => http.get(errand === 'read' ? READ : DECISION));
  }

  /** Uses a session that was ended or is about to be, rather one of the latest. */
  private async useEnding(): Promise<void> {
    const turn = this.serial++;
    const from = [this.endings, this.endings.slice(-6), this.loggedOut.slice(-6)][turn % 3] ?? [];
    const ending = from[Math.floor(turn / 3) % from.length];
    if (!ending) return;
    const { begun } = ending;
    const sent = performance.now();
    const gone = ending.acknowledged < sent;
    const refresh = gone && turn % 5 === 0;
    const errand = refresh ? 'refresh' : turn % 2 === 0 ? 'decision' : 'read';
    const answer = await this.ask(errand, [200, 401, 404], () => {
      if (refresh) return this.http.post('/v1/auth/refresh', { refresh_token: ending.refreshToken });
      return ending.http.get(errand === 'read' ? READ : DECISION);
    });
    if (!answer || answer.status === 503) return;
    const accepted = answer.status !== 401;
    if (accepted && gone) this.wrong.push(`WRONG ACCEPTANCE: ${errand} of a session ended ${sent - begun} ms before`);
    if (!accepted && ending.begun > performance.now()) this.wrong.push(`WRONG REFUSAL: ${JSON.stringify(answer.body)}`);
  }

  /** A whole session, from login to logout; what was told 503 is asked again until it is done. */
  private async live({ id, username, password }: Person): Promise<void> {
    const login = await this.ask('login', [200], () => this.http.post('/v1/auth/login', { username, password }));
    if (login?.status !== 200) return;
    let accessToken = String(login.body['access_token']);
    let refreshToken = String(login.body['refresh_token']);
    for (let round = 0; round < 5 && !this.stopping; round++) {
      await this.use('read', { accessToken, refreshToken, http: this.http.as(accessToken) });
      const body = { refresh_token: refreshToken };
      const refreshed = await this.ask('refresh', [200], () => this.http.post('/v1/auth/refresh', body));
      if (refreshed?.status === 200) {
        accessToken = String(refreshed.body['access_token']);
        refreshToken = String(refreshed.body['refresh_token']);
      }
      await delay(PACE);
    }
    const http = this.http.as(accessToken);
    const ending: Ending = { id, accessToken, refreshToken, http, begun: performance.now(), acknowledged: Infinity };
    let status: number | undefined;
    while (status !== 204 && !this.stopping) {
      const body = { refresh_token: refreshToken };
      status = (await this.ask('write', [204], () => this.http.post('/v1/auth/logout', body)))?.status;
      if (status === undefined) return;
      await delay(PACE);
    }
    if (status !== 204) return;
    ending.acknowledged = performance.now();
    this.loggedOut.push(ending);
  }

  private async write(): Promise<void> {
    const n = ++this.serial;
    if (n % 2 === 0) {
      const username = `made-${n}`;
      const body = { username, email: `${username}@example.org` };
      const answer = await this.ask('write', [201], () => this.admin.post('/v1/users', body));
      if (answer?.status === 201) this.created.push(username);
      return;
    }
    const path = `/v1/users/${this.people.renamed.id}`;
    const answer = await this.ask('write', [200], () => this.admin.patch(path, { displayName: String(n) }));
    if (answer?.status === 200) this.renamed = n;
  }

  private async logInDisabled(): Promise<void> {
    const { username, password } = this.people.disabled;
    await this.ask('login', [401, 429], () => this.http.post('/v1/auth/login', { username, password }));
  }

  private async look(): Promise<void> {
    await this.ask('ready', [200], () => this.http.get('/health/ready'));
  }
}
