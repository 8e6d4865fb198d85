import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createVerifier, type VerifierOptions } from '@portcullis/verifier';

// A service that loads a large window, and reports what that cost. Its parent sends one `Loading`; it is started with --expose-gc.

export interface Loading {
  options: VerifierOptions;
  /** Accepted by it. */
  token: string;
}

/** Times in ms, memory in MiB. */
export interface Loaded {
  readyAfter: number;
  longestBlock: number;
  events: number;
  memoryBefore: number;
  memoryMost: number;
  memoryAfter: number;
  heapAfter: number;
  /** In µs. */
  decision: number;
}

const MIB = 2 ** 20;
const DECISIONS = 50_000;

async function load({ options, token }: Loading): Promise<Loaded> {
  globalThis.gc?.();
  const memoryBefore = process.memoryUsage.rss() / MIB;
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const began = performance.now();
  const verifier = createVerifier(options);
  await verifier.ready({ timeoutMs: 120_000 });
  const readyAfter = performance.now() - began;
  await new Promise((resolve) => setTimeout(resolve, 50));
  const longestBlock = delays.max / 1e6;
  const memoryMost = process.resourceUsage().maxRSS / 1024;
  await verifier.verify(token);
  const since = performance.now();
  for (let n = 0; n < DECISIONS; n++) await verifier.verify(token);
  const decision = ((performance.now() - since) / DECISIONS) * 1_000;
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const { events } = verifier.health();
  const memory = { memoryBefore, memoryMost, memoryAfter: rss / MIB, heapAfter: heapUsed / MIB };
  return { readyAfter, longestBlock, events, ...memory, decision };
}

process.once('message', (loading: Loading) => void load(loading).then((loaded) => process.send?.(loaded)));
process.on('disconnect', () => process.exit());
