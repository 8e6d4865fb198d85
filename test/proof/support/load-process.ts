import { ConnectionLost, HttpConnection, headerOf, requestText, type Reply } from './http-connection.js';
import { quantile } from './statistics.js';

// A process that sends requests, so that the load and what is measured do not share a thread. It takes one `Plan` after the other from its
// parent and answers each with a `Report`.

/** Requests of one sort. */
export interface Stream {
  name: string;
  /** Sent in turn. */
  requests: string[];
  /** How many arrive each second, whether or not those before have been answered; absent: each connection sends when it has its answer. */
  perSecond?: number;
}

export interface Plan {
  url: string;
  seconds: number;
  /** Open before the first request, for all streams together. An arrival that finds all of them busy is not sent. */
  connections: number;
  streams: Stream[];
}

export interface StreamReport {
  name: string;
  arrivals: number;
  unsent: number;
  /** How many got an answer of this status. */
  statuses: Record<number, number>;
  /** From sending to the whole answer, in ms. */
  good: { p50: number; p99: number; max: number };
  refused: { p50: number; p99: number; max: number };
  /** Refusals (429 and 503) that did not say when to come back, and the longest wait that one asked for (seconds). */
  withoutRetryAfter: number;
  longestRetryAfter: number;
  /** The service closed the connection instead of answering. */
  lost: number;
  /** Sent, and without an answer when the parent was told. */
  unanswered: number;
}

export interface Report {
  seconds: number;
  streams: StreamReport[];
}

/** Between looks at what has arrived. */
const TICK_MS = 2;
/** How long the last answers are waited for. */
const PATIENCE_MS = 20_000;

class Tally {
  arrivals = 0;
  unsent = 0;
  lost = 0;
  underWay = 0;
  withoutRetryAfter = 0;
  longestRetryAfter = 0;
  readonly statuses: Record<number, number> = {};
  readonly good: number[] = [];
  readonly refused: number[] = [];

  constructor(readonly stream: Stream) {}

  next(): string {
    return this.stream.requests[this.arrivals++ % this.stream.requests.length] ?? '';
  }

  count(reply: Reply, ms: number): void {
    const { status } = reply;
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    if (status !== 429 && status !== 503) {
      this.good.push(ms);
      return;
    }
    this.refused.push(ms);
    const seconds = Number(headerOf(reply, 'retry-after'));
    if (seconds >= 1) this.longestRetryAfter = Math.max(this.longestRetryAfter, seconds);
    else this.withoutRetryAfter++;
  }

  report(): StreamReport {
    const { stream, good, refused, underWay, arrivals, unsent, lost, statuses } = this;
    const { withoutRetryAfter, longestRetryAfter } = this;
    const times = { good: quantiles(good), refused: quantiles(refused) };
    const counts = { arrivals, unsent, lost, unanswered: underWay, withoutRetryAfter, longestRetryAfter };
    return { name: stream.name, statuses, ...counts, ...times };
  }
}

const quantiles = (ms: number[]) => ({ p50: quantile(ms, 0.5), p99: quantile(ms, 0.99), max: quantile(ms, 1) });

async function carryOut({ url, seconds, connections, streams }: Plan): Promise<Report> {
  const tallies = streams.map((stream) => new Tally(stream));
  const free = await Promise.all(Array.from({ length: connections }, () => openAndUse(url)));
  const began = performance.now();
  const end = began + seconds * 1000;

  async function exchange(tally: Tally): Promise<void> {
    const request = tally.next();
    // In turn, so that none is idle for so long that the service closes it.
    let connection = free.shift();
    if (!connection) {
      tally.unsent++;
      return;
    }
    tally.underWay++;
    try {
      if (connection.closed) connection = await HttpConnection.open(url);
      const since = performance.now();
      tally.count(await connection.send(request), performance.now() - since);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      tally.lost++;
    } finally {
      tally.underWay--;
      free.push(connection);
    }
  }

  async function keepSending(tally: Tally): Promise<void> {
    while (performance.now() < end) await exchange(tally);
  }

  function arrive(tally: Tally, perSecond: number, upTo: number): void {
    for (const due = Math.floor((upTo * perSecond) / 1000); tally.arrivals < due;) void exchange(tally);
  }

  const closedLoops = tallies
    .filter(({ stream }) => stream.perSecond === undefined)
    .flatMap((tally) => Array.from({ length: connections }, () => keepSending(tally)));
  const ticks = setInterval(() => {
    const upTo = Math.min(performance.now(), end) - began;
    for (const tally of tallies) if (tally.stream.perSecond !== undefined) arrive(tally, tally.stream.perSecond, upTo);
  }, TICK_MS);
  await passed(end);
  clearInterval(ticks);
  await Promise.all(closedLoops);
  const took = (performance.now() - began) / 1000;
  while (free.length < connections && performance.now() < end + PATIENCE_MS) await passed(performance.now() + TICK_MS);
  for (const connection of free) connection.close();
  return { seconds: took, streams: tallies.map((tally) => tally.report()) };
}

/** As a balancer holds it. Node takes one new connection per turn of its loop: only one that was used is sure to have been taken. */
async function openAndUse(url: string): Promise<HttpConnection> {
  const connection = await HttpConnection.open(url);
  await connection.send(requestText('GET', '/health/live'));
  return connection;
}

/** @param moment on the monotonic clock, in ms */
const passed = (moment: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, moment - performance.now())));

process.on('message', (plan: Plan) => void carryOut(plan).then((report) => process.send?.(report)));
process.on('disconnect', () => process.exit());
