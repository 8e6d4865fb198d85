/** Upper bounds in seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const NAME = 'http_request_duration_seconds';

interface Series {
  labels: string;
  /** How many took at most `BOUNDS[i]` and longer than the bound before; the last one: longer than all. */
  counts: number[];
  sum: number;
}

/**
 * The histogram of request durations by method, route and status class. Not prom-client's: to find its series by an object of labels, for each
 * request, is a noticeable part of a small request.
 */
export class RequestDurations {
  private readonly series = new Map<string, Series>();

  /** @param route the pattern, never the address as sent, since every series stays in memory */
  observe(method: string, route: string, status: number, seconds: number): void {
    const key = `${method} ${Math.floor(status / 100)} ${route}`;
    let series = this.series.get(key);
    if (series === undefined) {
      series = {
        labels: `method="${method}",route="${route}",status="${Math.floor(status / 100)}xx"`,
        counts: new Array<number>(BOUNDS.length + 1).fill(0),
        sum: 0,
      };
      this.series.set(key, series);
    }
    let bucket = 0;
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] ?? 0)) bucket++;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += seconds;
  }

  /** In the Prometheus text format, where each bucket includes those before it. */
  text(): string {
    const lines = [
      `# HELP ${NAME} Time from the arrival of a request to the end of its answer`,
      `# TYPE ${NAME} histogram`,
    ];
    for (const { labels, counts, sum } of this.series.values()) {
      let count = 0;
      for (const [i, bound] of [...BOUNDS, '+Inf'].entries()) {
        count += counts[i] ?? 0;
        lines.push(`${NAME}_bucket{le="${bound}",${labels}} ${count}`);
      }
      lines.push(`${NAME}_sum{${labels}} ${sum}`, `${NAME}_count{${labels}} ${count}`);
    }
    return `${lines.join('\n')}\n`;
  }
}
