/**
 * Admits each key once per interval, and remembers at most `capacity` keys: beyond that the one admitted longest ago is forgotten, so that
 * no flood of keys can fill the memory.
 */
export class OncePerInterval {
  private readonly admittedAt = new Map<string, number>();

  /** @param interval in ms */
  constructor(
    private readonly interval: number,
    private readonly capacity: number,
  ) {}

  /** @param now in ms, on a clock that never goes backwards */
  admits(key: string, now: number): boolean {
    const before = this.admittedAt.get(key);
    if (before !== undefined && now - before < this.interval) return false;
    this.admittedAt.delete(key);
    this.admittedAt.set(key, now);
    this.forgetOldest();
    return true;
  }

  private forgetOldest(): void {
    for (const key of this.admittedAt.keys()) {
      if (this.admittedAt.size <= this.capacity) return;
      this.admittedAt.delete(key);
    }
  }
}
