/** Milliseconds after which it can be told how fast a queue moves, and after which it begins to be forgotten. */
const PERIOD = 250;

/**
 * How long who joins a queue now will wait: as long as the length of the queue lasts at the pace of late (Little's law). A burst that is
 * over within the period is no reason to expect anything.
 */
export class ExpectedWait {
  private since: number;
  private served = 0;

  /** @param monotonic in ms */
  constructor(private readonly monotonic: () => number) {
    this.since = monotonic();
  }

  /** To be called whenever somebody was served, with how many wait then. */
  noteServed(waiting: number): void {
    if (waiting === 0) this.restart(this.monotonic());
    else this.served++;
  }

  /** In ms; Infinity when nobody is served. */
  of(waiting: number): number {
    const now = this.monotonic();
    const standing = now - this.since;
    if (waiting === 0) {
      this.restart(now);
      return 0;
    }
    if (standing < PERIOD) return 0;
    const msEach = standing / this.served;
    if (standing > 2 * PERIOD) this.restart(now - PERIOD, PERIOD / msEach);
    return waiting * msEach;
  }

  private restart(since: number, served = 0): void {
    this.since = since;
    this.served = served;
  }
}
