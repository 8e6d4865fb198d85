import type { HttpClient } from '../../support/http.js';
import { signIn, verdict } from '../../support/people.js';
import { headerOf } from '../../support/tokens.js';
import { JWKS_SERVICES, type JwksServices } from './jwks-services.js';

const WORKERS = 2;
/** Of each key so many tokens are kept, to be verified again and again. */
const TOKENS_PER_KEY = 3;

/** People who log in without pause, at one instance after the other, and services that verify what they got, new and old. */
export class KeyTraffic {
  readonly failures: string[] = [];
  readonly tokens = new Map<string, string[]>();
  logins = 0;
  verifications = 0;
  private running = true;
  private readonly workers: Promise<void>[];

  /**
   * @param instances those that people log in at, and whose own guards are asked as well
   * @param others other people's services, each asked for everything
   */
  constructor(
    private readonly who: { username: string; password: string },
    private readonly instances: readonly HttpClient[],
    private readonly others: readonly JwksServices[],
  ) {
    this.workers = Array.from({ length: WORKERS }, (_, worker) => this.work(worker));
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.workers);
  }

  private async work(worker: number): Promise<void> {
    for (let round = worker; this.running; round++) {
      try {
        const { accessToken } = await signIn(nth(this.instances, round), this.who);
        this.logins++;
        this.keep(accessToken);
        // Where it was not minted, and again what was minted long ago.
        for (const token of [accessToken, this.older(round)]) await this.verify(token, round + 1);
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }

  private async verify(token: string, round: number): Promise<void> {
    const kid = String(headerOf(token)['kid']);
    for (const services of this.others) {
      for (const service of JWKS_SERVICES) {
        const refusal = await services.refusal(service, token);
        if (refusal !== null) this.failures.push(`${service}, ${kid}: ${refusal}`);
        this.verifications++;
      }
    }
    const said = await verdict(nth(this.instances, round).as(token));
    if (said !== 'accepted') this.failures.push(`the guard, ${kid}: ${said}`);
    this.verifications++;
  }

  private keep(token: string): void {
    const kid = String(headerOf(token)['kid']);
    const ofKey = this.tokens.get(kid) ?? [];
    this.tokens.set(kid, ofKey);
    if (ofKey.length < TOKENS_PER_KEY) ofKey.push(token);
  }

  private older(round: number): string {
    return nth(nth([...this.tokens.values()], round), round);
  }
}

function nth<T>(list: readonly T[], n: number): T {
  return list[n % list.length] as T;
}
