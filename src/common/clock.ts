import { Injectable } from '@nestjs/common';

/** The clock as a dependency, so that rules and tests decide what time it is. */
@Injectable()
export class Clock {
  /** Wall-clock time. Only for what stays on this machine; what is compared between machines uses the database's clock. */
  now(): Date {
    return new Date();
  }

  /** Milliseconds that never go backwards, from an arbitrary origin. */
  monotonic(): number {
    return performance.now();
  }
}
