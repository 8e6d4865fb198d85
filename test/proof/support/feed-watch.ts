import { setTimeout as delay } from 'node:timers/promises';
import { createVerifier, VerificationError, type Notice, type OnStale, type Verifier } from '@portcullis/verifier';

/** How old a service's knowledge may be here, in ms. */
export const MAX_STALENESS = 1_500;
/** Between two requests with the same token, in ms. */
const INTERVAL = 20;

export interface Tokens {
  /** Is never ended. */
  valid: string;
  /** Its user is disabled during the fault. */
  doomed: string;
}

export interface WatchOptions {
  issuer: string;
  audience: string;
  clientId: string;
  clientSecret: string;
  urls: string[];
  onStale: OnStale;
}

interface Decision {
  /** When the request arrived, on the monotonic clock, in ms. */
  at: number;
  token: keyof Tokens;
  /** `accepted`, the reason of the refusal, or `unknown`. */
  verdict: string;
  /** Whether it was decided on old knowledge, and counted. */
  counted: boolean;
}

/** A service that follows the feed, and never stops being asked with a token that is good and with one that ceases to be. */
export class FeedWatch {
  readonly onStale: OnStale;
  readonly decisions: Decision[] = [];
  readonly notices: Notice[] = [];
  tokens: Tokens;
  private readonly verifier: Verifier;
  private stopped = false;
  private running: Promise<void> | undefined;

  private constructor({ onStale, ...options }: WatchOptions, tokens: Tokens) {
    this.onStale = onStale;
    this.tokens = tokens;
    this.verifier = createVerifier({
      ...options,
      onStale,
      maxStaleness: MAX_STALENESS,
      onNotice: (notice) => this.notices.push(notice),
    });
  }

  /** Both tokens are accepted. */
  static async open(options: WatchOptions, tokens: Tokens): Promise<FeedWatch> {
    const watch = new FeedWatch(options, tokens);
    await watch.verifier.ready({ timeoutMs: 60_000 });
    watch.running = watch.run();
    return watch;
  }

  get health(): ReturnType<Verifier['health']> {
    return this.verifier.health();
  }

  last(token: keyof Tokens): string | undefined {
    return this.decisions.findLast((decision) => decision.token === token)?.verdict;
  }

  /** It knows what there is to know by itself again. */
  get recovered(): boolean {
    return this.health.connected && this.last('valid') === 'accepted' && this.last('doomed') === 'user_disabled';
  }

  /** @returns when the token was first refused, or not decided about, at `since` or after; NaN: never */
  refusedAt(token: keyof Tokens, since: number): number {
    const of = this.decisions.find(
      ({ at, verdict, ...its }) => its.token === token && at >= since && verdict !== 'accepted',
    );
    return of?.at ?? NaN;
  }

  /** @returns when the last request with the token arrived that was accepted */
  lastAcceptedAt(token: keyof Tokens): number {
    return (
      this.decisions.findLast((decision) => decision.token === token && decision.verdict === 'accepted')?.at ?? NaN
    );
  }

  count(token: keyof Tokens, verdict: string): number {
    return this.decisions.filter((decision) => decision.token === token && decision.verdict === verdict).length;
  }

  /** Requests with the doomed token that were accepted although they arrived more than `maxStaleness` after its user was disabled. */
  acceptedTooLate(disabledAt: number): Decision[] {
    return this.decisions.filter(
      ({ at, token, verdict }) => token === 'doomed' && verdict === 'accepted' && at - MAX_STALENESS > disabledAt,
    );
  }

  async close(): Promise<void> {
    this.stopped = true;
    await this.running;
    await this.verifier.close();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      for (const token of ['valid', 'doomed'] as const) this.decisions.push(await this.decide(token));
      await delay(INTERVAL);
    }
  }

  private async decide(token: keyof Tokens): Promise<Decision> {
    const counted = this.health.acceptedOnOldKnowledge;
    const at = performance.now();
    const verdict = await this.verifier.verify(this.tokens[token]).then(
      () => 'accepted',
      (error: unknown) => (error instanceof VerificationError ? error.reason : 'unknown'),
    );
    return { at, token, verdict, counted: this.health.acceptedOnOldKnowledge > counted };
  }
}
