import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable, Module, type Type } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { Verifier } from '../create-verifier.js';
import { StaleWindowError, VerificationError } from '../errors.js';
import { CurrentPrincipal, PortcullisGuard, PortcullisModule, Public, Requires } from '../nest.js';
import { principalOf, type Principal } from '../principal.js';
import type { VerifyTokenOptions } from '../verifier-options.js';

/** Accepts `good` and gives no answer about `stale`. */
class StubVerifier {
  readonly audience = 'urn:orders';
  readonly asked: VerifyTokenOptions[] = [];
  readonly life: string[] = [];

  ready({ timeoutMs }: { timeoutMs?: number }): Promise<void> {
    this.life.push(`ready within ${String(timeoutMs)}`);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.life.push('closed');
    return Promise.resolve();
  }

  verify(token: string, options: VerifyTokenOptions): Promise<Principal> {
    this.asked.push(options);
    if (token === 'stale') return Promise.reject(new StaleWindowError('cut'));
    if (token === 'fault') return Promise.reject(new TypeError('a fault'));
    if (token !== 'good') return Promise.reject(new VerificationError('expired', { signatureValid: true }));
    const claims = { iss: 'i', sub: 'u1', aud: 'urn:orders', exp: 300, iat: 0, jti: 't1', client_id: 'c' };
    return Promise.resolve(principalOf({ ...claims, roles: ['clerk'], permissions: ['orders:read'] }, 1));
  }
}

@Controller()
@Requires({ roles: ['clerk'], maxStaleness: 700, onStale: 'introspect' })
class Orders {
  @Get('orders')
  @Requires({ permissions: ['orders:read'], onStale: 'refuse' })
  list(@CurrentPrincipal() { subject }: Principal): object {
    return { subject };
  }

  @Get('orders/all')
  @Requires({ permissions: ['orders:admin'] })
  all(): string {
    return 'secret';
  }

  @Get('health')
  @Public()
  health(): string {
    return 'fine';
  }

  @Get('clerks')
  clerks(): string {
    return 'for clerks';
  }
}

@Controller('undecided')
class Undecided {
  @Get()
  get(@CurrentPrincipal() { subject }: Principal): string {
    return subject;
  }
}

@Controller('open')
@Public()
class Open {
  @Get()
  get(@CurrentPrincipal() principal: Principal): string {
    return principal.subject;
  }

  @Get('closed')
  @Requires({ roles: ['nobody'] })
  closed(): string {
    return 'secret';
  }
}

const options = { issuer: 'https://auth.example', audience: 'urn:orders', onNotice: () => undefined };
const open: NestFastifyApplication[] = [];
afterEach(async () => {
  for (const app of open.splice(0)) await app.close();
});

interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

async function start(
  portcullis = PortcullisModule.forRoot(options),
): Promise<{ app: NestFastifyApplication; verifier: StubVerifier }> {
  const verifier = new StubVerifier();
  const controllers: Type[] = [Orders, Undecided, Open];
  const built = await Test.createTestingModule({ imports: [portcullis], controllers })
    .overrideProvider(Verifier)
    .useValue(verifier)
    .compile();
  const app = built.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  open.push(app);
  return { app, verifier };
}

async function ask(app: NestFastifyApplication, path: string, token?: string): Promise<Answer> {
  const url = `${await app.getUrl()}${path}`;
  const response = await fetch(url, { ...(token && { headers: { authorization: `Bearer ${token}` } }) });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

describe('the module for Nest', () => {
  it('guards every route that does not say otherwise', async () => {
    const { app } = await start();
    for (const url of ['/orders', '/orders/all', '/clerks', '/undecided', '/open/closed']) {
      const { status, headers } = await ask(app, url);
      expect([url, status, headers.get('www-authenticate')]).toEqual([url, 401, 'Bearer realm="urn:orders"']);
    }
    expect((await ask(app, '/health')).body).toBe('fine');
    expect((await ask(app, '/undecided', 'good')).body).toBe('u1');
  });

  it("asks for what the route requires besides what its class does, and takes the method's word about old knowledge", async () => {
    const { app, verifier } = await start();
    expect((await ask(app, '/orders', 'good')).body).toBe('{"subject":"u1"}');
    expect(verifier.asked.at(-1)).toEqual({ maxStaleness: 700, onStale: 'refuse' });
    expect((await ask(app, '/clerks', 'good')).body).toBe('for clerks');
    expect(verifier.asked.at(-1)).toEqual({ maxStaleness: 700, onStale: 'introspect' });
    const lacking = await ask(app, '/orders/all', 'good');
    expect(lacking.status).toBe(403);
    expect(lacking.headers.get('www-authenticate')).toBe('Bearer error="insufficient_scope", scope="orders:admin"');
    expect((await ask(app, '/open/closed', 'good')).status).toBe(403);
  });

  it('answers as RFC 6750 and RFC 9457 say', async () => {
    const { app } = await start();
    const bad = await ask(app, '/orders', 'bad');
    expect(bad.status).toBe(401);
    expect(bad.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(JSON.parse(bad.body)).toEqual({
      type: 'urn:portcullis:problem:invalid_token',
      title: 'Unauthorized',
      status: 401,
      detail: 'The token is not accepted.',
      code: 'invalid_token',
      reason: 'expired',
    });
    const stale = await ask(app, '/orders', 'stale');
    expect([stale.status, stale.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await ask(app, '/orders', 'fault')).status).toBe(500);
  });

  it('has no principal where no token was looked at', async () => {
    const { app } = await start();
    expect((await ask(app, '/open', 'good')).status).toBe(500);
  });

  it('is ready when the application has started, and closed when it has shut down', async () => {
    const { app, verifier } = await start();
    expect(verifier.life).toEqual(['ready within 30000']);
    await app.close();
    expect(verifier.life).toEqual(['ready within 30000', 'closed']);
    const hasty = await start(PortcullisModule.forRoot({ ...options, readyTimeoutMs: 0 }));
    expect(hasty.verifier.life).toEqual([]);
  });

  it('is closed when it does not get ready, so that a process whose start failed can end', async () => {
    const verifier = new StubVerifier();
    verifier.ready = () => Promise.reject(new StaleWindowError('nobody answers'));
    const imports = [PortcullisModule.forRoot(options)];
    const built = await Test.createTestingModule({ imports }).overrideProvider(Verifier).useValue(verifier).compile();
    const app = built.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
    await expect(app.init()).rejects.toThrow('nobody answers');
    expect(verifier.life).toEqual(['closed']);
  });

  it('takes its options from elsewhere, and leaves the guard to the routes', async () => {
    @Injectable()
    class Settings {
      readonly issuer = 'https://auth.example';
    }
    @Module({ providers: [Settings], exports: [Settings] })
    class SettingsModule {}
    const { app, verifier } = await start(
      PortcullisModule.forRootAsync({
        globalGuard: false,
        imports: [SettingsModule],
        inject: [Settings],
        useFactory: ({ issuer }: Settings) => ({ ...options, issuer, readyTimeoutMs: 5 }),
      }),
    );
    expect(verifier.life).toEqual(['ready within 5']);
    expect((await ask(app, '/clerks')).body).toBe('for clerks');
    expect(app.get(PortcullisGuard)).toBeInstanceOf(PortcullisGuard);
  });

  it('makes a verifier of its own', async () => {
    const built = await Test.createTestingModule({
      imports: [PortcullisModule.forRoot({ ...options, readyTimeoutMs: 0 })],
    }).compile();
    await built.init();
    expect(built.get(Verifier).audience).toBe('urn:orders');
    await built.close();
  });

  it.each([
    [{ readyTimeoutMs: NaN }, 'readyTimeoutMs is a number of ms'],
    [{ readyTimeoutMs: '5' as unknown as number }, 'not "5"'],
    [{ maxStalenes: 5 }, 'is maxStaleness meant?'],
  ])('does not start with %j', async (wrong, message) => {
    const imports = [PortcullisModule.forRoot({ ...options, ...wrong })];
    await expect(Test.createTestingModule({ imports }).compile()).rejects.toThrow(message);
  });

  it('does not take two words for one route', () => {
    expect(() => {
      class Twice {
        @Public()
        @Requires({ roles: ['admin'] })
        get(): void {
          return undefined;
        }
      }
      return Twice;
    }).toThrow('get says twice who may call it');
  });
});
