import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/** Services of other people that verify by the JWKS alone; see jwks-services-process.ts. */
export const JWKS_SERVICES = ['/express-jwt', '/jsonwebtoken', '/max-age'] as const;

export type JwksService = (typeof JWKS_SERVICES)[number];

const SUPPORT = path.join(process.cwd(), 'test');

export class JwksServices {
  private constructor(
    private readonly child: ChildProcess,
    private readonly url: string,
  ) {}

  static async start(issuer: string, jwksUri: string): Promise<JwksServices> {
    const loader = pathToFileURL(path.join(SUPPORT, 'support', 'typescript.js')).href;
    const program = path.join(SUPPORT, 'proof', 'support', 'jwks-services-process.ts');
    const child = spawn(process.execPath, ['--no-warnings', '--import', loader, program, issuer, jwksUri], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [port] = (await once(createInterface(child.stdout), 'line')) as [string];
    return new JwksServices(child, `http://127.0.0.1:${port}`);
  }

  /** Why this service refuses the token, or null when it accepts it. */
  async refusal(service: JwksService, token: string): Promise<string | null> {
    const response = await fetch(`${this.url}${service}`, { headers: { authorization: `Bearer ${token}` } });
    const text = await response.text();
    return response.status === 200 ? null : `${response.status} ${text}`;
  }

  /** How often each service has read the JWKS. */
  async reads(): Promise<Record<string, number>> {
    return (await (await fetch(`${this.url}/reads`)).json()) as Record<string, number>;
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.stdin?.end();
    await exited;
  }
}
