import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plan, Report } from './load-process.js';

/** Sends load from a process of its own; see load-process.ts. */
export class LoadGenerator {
  private readonly child: ChildProcess;

  constructor() {
    const test = path.join(process.cwd(), 'test');
    const loader = pathToFileURL(path.join(test, 'support', 'typescript.js')).href;
    this.child = fork(path.join(test, 'proof', 'support', 'load-process.ts'), {
      execArgv: ['--no-warnings', '--import', loader],
    });
  }

  /** @throws Error when the process ends before it has reported */
  async carryOut(plan: Plan): Promise<Report> {
    const waiting = new AbortController();
    const { signal } = waiting;
    const reported = once(this.child, 'message', { signal });
    const ended = once(this.child, 'exit', { signal }).then(() => {
      throw new Error('the load generator ended');
    });
    this.child.send(plan);
    try {
      const [report] = (await Promise.race([reported, ended])) as [Report];
      return report;
    } finally {
      ended.catch(() => undefined);
      waiting.abort();
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }
}
