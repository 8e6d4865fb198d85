/** Who may wait for the next event. None is to take the places of all others. */
export class FeedPlaces {
  private readonly taken = new Map<string, number>();
  private total = 0;

  constructor(private readonly limits: { all: number; ofOne: number }) {}

  get size(): number {
    return this.total;
  }

  /** Undefined when there is none left for `owner`; else gives it back, once. */
  take(owner: string): (() => void) | undefined {
    const held = this.taken.get(owner) ?? 0;
    if (this.total >= this.limits.all || held >= this.limits.ofOne) return undefined;
    this.taken.set(owner, held + 1);
    this.total += 1;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.leave(owner);
    };
  }

  private leave(owner: string): void {
    const left = (this.taken.get(owner) ?? 0) - 1;
    if (left > 0) this.taken.set(owner, left);
    else this.taken.delete(owner);
    this.total -= 1;
  }
}
