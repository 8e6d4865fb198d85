import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** A program of this directory as a process of its own, which talks with this one by messages and ends when it is disconnected. */
export class Forked {
  private constructor(private readonly child: ChildProcess) {}

  static start(program: string, ...execArgv: string[]): Forked {
    const test = path.join(process.cwd(), 'test');
    const loader = pathToFileURL(path.join(test, 'support', 'typescript.js')).href;
    const child = fork(path.join(test, 'proof', 'support', program), {
      execArgv: ['--no-warnings', '--import', loader, ...execArgv],
    });
    return new Forked(child);
  }

  send(message: object): void {
    this.child.send(message);
  }

  /** @throws Error when the process ends before it has said anything */
  async next<Message>(): Promise<Message> {
    const waiting = new AbortController();
    const { signal } = waiting;
    const said = once(this.child, 'message', { signal });
    const ended = once(this.child, 'exit', { signal }).then(() => {
      throw new Error('the process ended');
    });
    try {
      const [message] = (await Promise.race([said, ended])) as [Message];
      return message;
    } finally {
      said.catch(() => undefined);
      ended.catch(() => undefined);
      waiting.abort();
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }
}
