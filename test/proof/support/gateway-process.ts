import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const START = join(import.meta.dirname, '..', '..', '..', 'examples', 'gateways', 'start.js');

/** A real nginx or Caddy with the configuration of `examples/gateways/`. */
export class GatewayProcess {
  private errors = '';

  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    private readonly exited: Promise<unknown[]>,
  ) {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
  }

  /** @param behind the addresses of Portcullis and of the service that is protected */
  static async start(name: string, behind: { portcullis: string; service: string }): Promise<GatewayProcess> {
    const hosts = [behind.portcullis, behind.service].map((url) => new URL(url).host);
    const child = spawn(process.execPath, [START, name, ...hosts], { stdio: ['pipe', 'pipe', 'pipe'] });
    const exited = once(child, 'exit');
    const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
    const url = await Promise.race([line.then(([first]) => first), exited.then(() => null)]);
    if (url === null) throw new Error(`${name} did not start: ${String(child.stderr.read())}`);
    return new GatewayProcess(child, url, exited);
  }

  /** Ends it, and gives its error log. */
  async stop(): Promise<string> {
    this.child.stdin?.end();
    await this.exited;
    return this.errors;
  }
}
