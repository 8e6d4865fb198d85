import { ADMIN, logIn } from '../../support/app.js';
import type { TestDatabase } from '../../support/database.js';
import { GUARDED_BACKENDS, ORDERS_READ } from '../../support/guarded-backends.js';
import type { HttpClient } from '../../support/http.js';
import { createAudience, createClient } from '../../support/oauth.js';
import { ServiceProcess } from '../../support/service-process.js';
import type { Serving } from './fleet-service-process.js';
import { Forked } from './fork-typescript.js';
import { ConnectionLost, HttpConnection, requestText } from './http-connection.js';

export const ISSUER = 'http://localhost:3000';
const INSTANCES = 3;
const SERVICES = 5;

/** Some instances of the issuer on one database, and services of other people that follow them, each a process. */
export class Fleet {
  private constructor(
    readonly database: TestDatabase,
    readonly instances: readonly ServiceProcess[],
    readonly services: readonly { name: string; url: string }[],
    readonly audience: string,
    private readonly processes: readonly Forked[],
  ) {}

  static async open(database: TestDatabase): Promise<Fleet> {
    const env = {
      DATABASE_URL: database.url,
      PORTCULLIS_ISSUER: ISSUER,
      PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      PORTCULLIS_RATE_LIMITS: 'off',
      PORTCULLIS_ARGON2_ALLOW_WEAK: 'on',
      PORTCULLIS_ARGON2_MEMORY_KIB: '64',
      PORTCULLIS_ARGON2_ITERATIONS: '1',
      PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
    };
    const instances = await Promise.all(Array.from({ length: INSTANCES }, () => ServiceProcess.start(env)));
    const urls = instances.map(({ http }) => http.url);
    const admin = await logIn(nth(instances, 0).http, ADMIN);
    const audience = await createAudience(admin);
    await admin.post('/v1/permissions', { name: ORDERS_READ });
    const processes = Array.from({ length: SERVICES }, () => Forked.start('fleet-service-process.ts'));
    const services = await Promise.all(
      processes.map(async (process, n) => {
        const backend = n % GUARDED_BACKENDS.length;
        const client = await createClient(admin, { permissions: ['validity:read'], audiences: [audience] });
        // Each prefers another instance.
        const order = urls.map((_, index) => nth(urls, n + index));
        process.send({ backend, options: { issuer: ISSUER, audience, ...client, urls: order } } satisfies Serving);
        const { url } = await process.next<{ url: string }>();
        return { name: `${nth(GUARDED_BACKENDS, backend)[0]} ${n}`, url };
      }),
    );
    return new Fleet(database, instances, services, audience, processes);
  }

  /** Through one instance after the other. */
  http(n: number): HttpClient {
    return nth(this.instances, n).http;
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.stop()));
    await Promise.all(this.instances.map((instance) => instance.stop()));
  }
}

/** `200`, or the status and the reason of a refusal. */
export type Verdict = string;

/** Asks one service, on a connection that is kept. One question at a time. */
export class Asker {
  private connection: HttpConnection | undefined;

  constructor(readonly service: { name: string; url: string }) {}

  async ask(path: string, token: string): Promise<Verdict> {
    const request = requestText('GET', path, { token });
    const { status, body } = await this.send(request).catch((error: unknown) => {
      // It was idle for so long that the service closed it.
      if (error instanceof ConnectionLost) return this.send(request);
      throw error;
    });
    if (status === 200) return '200';
    const { reason, code } = JSON.parse(body) as { reason?: string; code?: string };
    return `${status} ${reason ?? code}`;
  }

  close(): void {
    this.connection?.close();
  }

  private async send(request: string): Promise<{ status: number; body: string }> {
    if (this.connection === undefined || this.connection.closed) {
      this.connection = await HttpConnection.open(this.service.url);
    }
    return this.connection.send(request);
  }
}

export const nth = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;
