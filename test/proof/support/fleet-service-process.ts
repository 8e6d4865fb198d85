import 'reflect-metadata';
import type { VerifierOptions } from '@portcullis/verifier';
import { GUARDED_BACKENDS } from '../../support/guarded-backends.js';

// A service of somebody else, as a process of its own. Its parent sends one `Serving`, and gets its address once it is ready.

export interface Serving {
  /** Which of the frameworks. */
  backend: number;
  options: VerifierOptions;
}

async function serve({ backend, options }: Serving): Promise<void> {
  const [, start] = GUARDED_BACKENDS[backend] ?? [];
  const started = await start?.(options);
  process.send?.({ url: started?.url });
}

process.once('message', (serving: Serving) => void serve(serving));
process.on('disconnect', () => process.exit());
