import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { ENV, type Env } from '../../config/env.js';
import { KeyRing } from './key-ring.js';
import { KeyRotation } from './key-rotation.service.js';

/** Milliseconds. A change that is due again and again must not keep an instance busy. */
const SHORTEST_WAIT = 100;
/** Milliseconds. What another instance or somebody in SQL has begun is noticed within that time. */
const LONGEST_WAIT = 30_000;

/** Looks after the keys: wakes when the next change of any key is due, and now and then to see what others have changed. */
@Injectable()
export class KeyTender implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(KeyTender.name);
  private readonly longestWait: number;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    @Inject(ENV) env: Env,
    private readonly rotation: KeyRotation,
    private readonly ring: KeyRing,
  ) {
    // Twice while a new key is pending, so that no instance lets it wait for much longer than it must.
    const halfPublished = env.jwksMaxAge * 500;
    this.longestWait = halfPublished > 0 ? Math.min(halfPublished, LONGEST_WAIT) : LONGEST_WAIT;
  }

  onApplicationBootstrap(): void {
    this.wakeIn(0);
  }

  /** What is under way may end as it likes: each step is done whole or not at all. */
  onApplicationShutdown(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private wakeIn(milliseconds: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      void this.tend().then((wait) => {
        this.wakeIn(wait);
      });
    }, milliseconds).unref();
  }

  /** Never rejects: what could not be done is tried again. */
  private async tend(): Promise<number> {
    try {
      const due = await this.rotation.tend();
      await this.ring.load();
      return Math.min(Math.max(due ?? Infinity, SHORTEST_WAIT), this.longestWait);
    } catch (error) {
      if (!this.stopped) this.logger.warn(`the signing keys could not be looked after: ${String(error)}`);
      return this.longestWait;
    }
  }
}
