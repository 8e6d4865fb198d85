import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { HttpClient } from './http.js';

/** The built service as a process of its own, the way a user starts it. */
export class ServiceProcess {
  private output = '';
  private errors = '';
  private wake: () => void = () => undefined;
  private readonly exited: Promise<unknown[]>;

  private constructor(private readonly child: ChildProcess) {
    this.exited = once(child, 'exit');
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      this.wake();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    void this.exited.then(() => this.wake());
  }

  /**
   * With no environment but PATH, HOME and what is given.
   *
   * @param directory where it was built; that of another version, perhaps
   */
  static spawn(env: Record<string, string>, directory = process.cwd()): ServiceProcess {
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(process.execPath, ['dist/src/main.js'], {
      cwd: directory,
      env: { PATH, HOME, PORT: '0', PORTCULLIS_ISSUER: 'http://localhost:3000', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new ServiceProcess(child);
  }

  /** Started, and listening. */
  static async start(env: Record<string, string>, directory?: string): Promise<ServiceProcess> {
    const service = ServiceProcess.spawn(env, directory);
    await service.printed(/Swagger UI: http.*\n/);
    return service;
  }

  get pid(): number {
    return this.child.pid ?? NaN;
  }

  get stdout(): string {
    return this.output;
  }

  get stderr(): string {
    return this.errors;
  }

  /** What it said to people, which is what is not JSON. */
  get spoken(): string {
    return this.lines(false).join('\n');
  }

  /** The structured log. */
  get log(): string {
    return this.lines(true).join('\n');
  }

  get http(): HttpClient {
    const [, port = ''] = /listening on http:\/\/localhost:(\d+)/.exec(this.output) ?? [];
    return new HttpClient(`http://127.0.0.1:${port}`);
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** @throws Error when the process ends before it has printed this. */
  async printed(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.output)) {
      if (!this.running) throw new Error(`It ended: ${this.errors}\n${this.output}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** The exit code, or null after a signal that it does not handle. */
  async ended(): Promise<number | null> {
    const [code] = await this.exited;
    return code as number | null;
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.kill(signal);
    return this.ended();
  }

  private lines(json: boolean): string[] {
    return this.output.split('\n').filter((line) => line.startsWith('{') === json);
  }
}
