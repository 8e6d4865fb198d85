import { randomInt } from 'node:crypto';
import { HttpClient } from '../../support/http.js';

/** An access token, and which version issued it. */
export interface IssuedToken {
  readonly value: string;
  readonly by: string;
}

export interface Answered {
  readonly body: Record<string, unknown>;
  /** The version that answered. */
  readonly by: string;
}

/** What a client does over and over again. It throws `Unexpected` when an answer is not the right one. */
export type Round = () => Promise<void>;

interface Instance {
  readonly version: string;
  readonly http: HttpClient;
  underWay: number;
}

interface Phase {
  readonly name: string;
  readonly durations: number[];
}

export class Unexpected extends Error {}

/** So many are enough to see what is wrong. */
const MOST_FAILURES = 50;

/**
 * Clients in constant use of one or several instances, each request at any of them, as behind a load balancer that retries nothing: every answer is
 * compared with the one that is right, and timed.
 */
export class RollingTraffic {
  readonly failures: string[] = [];
  readonly wrongAcceptances: string[] = [];
  /** How many requests had a token of one version and went to another, as `issuer -> judge`. */
  readonly uses = new Map<string, number>();
  readonly phases: Phase[] = [];
  private readonly instances: Instance[] = [];
  private rounds = 0;
  private stopped = false;
  private changed: () => void = () => undefined;

  add(version: string, { url }: HttpClient): void {
    this.instances.push({ version, http: new HttpClient(url), underWay: 0 });
  }

  /** Sends nothing more there, and waits until everything that was sent has been answered. */
  async takeOut(version: string): Promise<void> {
    const at = this.instances.findIndex((instance) => instance.version === version);
    const [instance] = this.instances.splice(at, 1);
    while (instance !== undefined && instance.underWay > 0) await this.change();
  }

  /** Repeats the rounds, all at once, until `end`. */
  async run(rounds: readonly Round[]): Promise<void> {
    await Promise.all(rounds.map((round) => this.repeat(round)));
  }

  end(): void {
    this.stopped = true;
    this.wake();
  }

  /** From now on durations are counted under this name. Resolves after so many more rounds. */
  async phase(name: string, rounds = 0): Promise<void> {
    this.phases.push({ name, durations: [] });
    const enough = this.rounds + rounds;
    while (this.rounds < enough && !this.stopped) await this.change();
  }

  get requests(): number {
    return this.phases.reduce((sum, { durations }) => sum + durations.length, 0);
  }

  /**
   * One request at any of the instances.
   *
   * @param expected `ok`, or status and reason (or code) of the refusal
   * @throws Unexpected
   */
  async ask(
    expected: string,
    method: string,
    path: string,
    { token, body }: { token?: IssuedToken | undefined; body?: object } = {},
  ): Promise<Answered> {
    const instance = this.instances[randomInt(this.instances.length)];
    if (instance === undefined) throw new Error('no instance is left');
    const { version } = instance;
    if (token !== undefined) {
      const use = `${token.by} -> ${version}`;
      this.uses.set(use, (this.uses.get(use) ?? 0) + 1);
    }
    const durations = this.phases.at(-1)?.durations;
    const since = performance.now();
    instance.underWay++;
    const { verdict, answer } = await send(instance.http, { method, path, token: token?.value, body });
    instance.underWay--;
    durations?.push(performance.now() - since);
    this.wake();
    if (verdict !== expected) {
      const what = `${method} ${path} at ${version}${token ? ` with a token of ${token.by}` : ''}: ${verdict} instead of ${expected}`;
      this.failures.push(what);
      if (verdict === 'ok') this.wrongAcceptances.push(what);
      throw new Unexpected(what);
    }
    return { body: answer, by: version };
  }

  private async repeat(round: Round): Promise<void> {
    while (!this.stopped) {
      try {
        await round();
      } catch (error) {
        const isMistake = !(error instanceof Unexpected);
        if (isMistake || this.failures.length >= MOST_FAILURES) this.end();
        if (isMistake) throw error;
      }
      this.rounds++;
      this.wake();
    }
  }

  /** The next answer or round. */
  private change(): Promise<void> {
    const before = this.changed;
    return new Promise((resolve) => {
      this.changed = () => {
        before();
        resolve();
      };
    });
  }

  private wake(): void {
    const { changed } = this;
    this.changed = () => undefined;
    changed();
  }
}

async function send(
  http: HttpClient,
  { method, path, token, body }: { method: string; path: string; token: string | undefined; body: object | undefined },
): Promise<{ verdict: string; answer: Record<string, unknown> }> {
  try {
    const { status, body: answer } = await (token === undefined ? http : http.as(token)).raw(
      method,
      path,
      body && JSON.stringify(body),
      body && { headers: { 'content-type': 'application/json' } },
    );
    const verdict = status < 300 ? 'ok' : `${status} ${String(answer['reason'] ?? answer['code'])}`;
    return { verdict, answer };
  } catch (error) {
    const { message, cause } = error as Error;
    return { verdict: `no answer (${message}: ${String(cause)})`, answer: {} };
  }
}
