import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process of its own that answers questions; see `answerParent`, its other end. */
export class Child {
  #process;
  #waiting = new Map();
  #asked = 0;

  /** Starts `script` (a URL) and waits until it says what it has to tell at first. */
  static async start(script, { flags = [], env = {} } = {}) {
    const child = new Child();
    child.#process = fork(fileURLToPath(script), { execArgv: flags, env: { ...process.env, ...env } });
    child.#process.on('message', (reply) => child.#receive(reply));
    child.#process.on('exit', (code, signal) => child.#exited(code ?? signal));
    return child;
  }

  get pid() {
    return this.#process.pid;
  }

  /** @throws Error with the child's message when it cannot answer, or ends before it has */
  ask(question, details = {}) {
    const id = this.#asked++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.send({ id, question, details });
    });
  }

  async stop() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.disconnect();
    await exited;
  }

  #receive({ id, answer, error }) {
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) resolve(answer);
    else reject(new Error(error));
  }

  #exited(how) {
    for (const { reject } of this.#waiting.values()) reject(new Error(`a measured process ended: ${how}`));
    this.#waiting.clear();
  }
}
