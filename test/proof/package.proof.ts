import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.js';
import { Front, LocalServer } from '../support/front.js';
import { HttpClient } from '../support/http.js';
import { createPerson, type Person } from '../support/people.js';
import { until } from '../support/until.js';

jest.setTimeout(120_000);

const ROOT = join(import.meta.dirname, '..', '..');
const PACKAGE = join(ROOT, 'packages', 'verifier');
const README = readFileSync(join(PACKAGE, 'README.md'), 'utf8');
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const PEERS = ['@nestjs/common', '@nestjs/core', '@nestjs/platform-fastify', 'express', 'fastify', 'reflect-metadata'];
const { PATH = '', HOME = '' } = process.env;

const run = promisify(execFile);

/** The programs of the README, by the name of the file that each block is. What is JavaScript there is good TypeScript as well. */
const blocks = [...README.matchAll(/^```[tj]s\n\/\/ (\S+)\n(.*?)^```$/gms)].map(([, name = '', text = '']) => ({
  name: name.replace(/\.mjs$/, '.mts'),
  text,
}));
/** What is to be pasted in its first five minutes, before and after the service is started. */
const [SET_UP = '', TRY_OUT = ''] = [...README.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = '']) => text);

let directory: string;
/** Where somebody installs the package: an empty project. */
let project: string;
let packed: { filename: string; size: number; unpackedSize: number; files: { path: string }[] };

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-package-'));
  project = join(directory, 'project');
  mkdirSync(project);
  // As it was built; who publishes builds it first (prepack).
  const { stdout } = await npm(PACKAGE, 'pack', '--json', '--pack-destination', directory);
  packed = firstOf(JSON.parse(stdout) as object);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'orders', private: true }));
  await npm(project, 'install', join(directory, packed.filename));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Newer versions of npm name what they packed by its package. */
function firstOf(report: object): typeof packed {
  return (Object.values(report) as (typeof packed)[])[0] as typeof packed;
}

function npm(cwd: string, ...command: string[]): Promise<{ stdout: string }> {
  const quietly = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  return run('npm', [...command, ...quietly], { cwd, env: { PATH, HOME } });
}

async function node(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, args, { cwd: project, env: { PATH } });
  expect(stderr).toBe('');
  return stdout;
}

/** What of this repository stands for what the user installed besides. */
function link(...names: string[]): void {
  for (const name of names) {
    const path = join(project, 'node_modules', name);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), path);
  }
}

/** What the compiler finds wrong in the project, and in the types of the package itself. */
async function compile(options: Record<string, unknown>): Promise<string[]> {
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    ...options,
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts', '*.cts'] }));
  const compiler = run(process.execPath, [TSC, '-p', '.', '--pretty', 'false'], { cwd: project, env: { PATH } });
  const { stdout: output } = await compiler.catch((error: unknown) => error as { stdout: string });
  const found = output.split('\n').filter((line) => /error TS\d+/.test(line));
  const ofPeers = found.filter(
    (line) => !/^(\S+\.[mc]ts|node_modules\/@portcullis\/)/.test(line) || line.startsWith('..'),
  );
  if (ofPeers.length > 0) console.log(`proof: the types of peers have ${ofPeers.length} faults of their own`);
  return found.filter((line) => !ofPeers.includes(line));
}

describe('the package', () => {
  it('holds what it exports, its sources, README and licence, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path).sort();
    console.log(`proof: ${paths.length} files, ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`);
    expect(paths.filter((path) => !/^(dist|src)\//.test(path))).toEqual(['LICENSE', 'README.md', 'package.json']);
    const { exports } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>;
    };
    const files = Object.values(exports).flatMap((one) => (typeof one === 'string' ? [one] : Object.values(one)));
    expect(paths).toEqual(expect.arrayContaining(files.map((file) => file.slice(2))));
    expect(paths.filter((path) => path.includes('.spec.') || path.includes('tsbuildinfo'))).toEqual([]);
    expect(readFileSync(join(PACKAGE, 'LICENSE'), 'utf8')).toBe(readFileSync(join(ROOT, 'LICENSE'), 'utf8'));
  });

  it('installs without a network, brings nothing along, and loads from ESM and CommonJS', async () => {
    expect(readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['@portcullis']);
    const paths = ['', '/express', '/fastify', '/testing'].map((path) => `@portcullis/verifier${path}`);
    const imported = await node(
      '--input-type=module',
      '-e',
      `${paths.map((path, i) => `import * as m${i} from '${path}';`).join('')} console.log(${paths.map((_, i) => `Object.keys(m${i}).length`).join()})`,
    );
    const required = await node(
      '-e',
      `console.log(${paths.map((path) => `Object.keys(require('${path}')).filter((name) => name !== '__esModule').length`).join()})`,
    );
    expect(required).toBe(imported);
    expect(
      await node(
        '-e',
        `console.log(require('@portcullis/verifier') === require('@portcullis/verifier'), require('@portcullis/verifier/package.json').version)`,
      ),
    ).toMatch(/^true \d+\.\d+\.\d+\n$/);
  });

  it('has types that the strict compiler finds no fault with, where nothing else is installed', async () => {
    link('@types/node', 'undici-types');
    const text = `
      import { createVerifier, type Principal } from '@portcullis/verifier';
      import { bearerAuth } from '@portcullis/verifier/express';
      import { startIssuer } from '@portcullis/verifier/testing';
      export const guard = bearerAuth(createVerifier({ issuer: 'https://auth.example', audience: 'urn:orders' }));
      export const issue = async (): Promise<string> => (await startIssuer()).mint({ roles: ['clerk'] });
      export const subject = ({ subject }: Principal): string => subject;
      // @ts-expect-error what a broker's token permits is no access to routes
      bearerAuth(createVerifier({ tokenType: 'broker', issuer: 'https://auth.example', audience: 'urn:broker' }));
      // @ts-expect-error there is no such requirement
      guard({ permission: ['orders:read'] });
    `;
    for (const name of ['bare.mts', 'bare.cts']) writeFileSync(join(project, name), text);
    expect(await compile({ noEmit: true })).toEqual([]);
    for (const name of ['bare.mts', 'bare.cts']) rmSync(join(project, name));
  });
});

describe('what the README shows', () => {
  let front: Front;
  let app: TestApp;
  let admin: HttpClient;
  let person: Person;
  let environment: Record<string, string>;

  beforeAll(async () => {
    link(...PEERS, '@types/express');
    for (const { name, text } of blocks) writeFileSync(join(project, name), text);
    front = await Front.open();
    app = await startApp({ env: { PORTCULLIS_ISSUER: front.issuer } });
    front.target = app.url;
    admin = await app.admin();
  });
  afterAll(async () => {
    await app.close();
    await front.close();
  });

  const tokenFor = async (): Promise<string> => {
    const { username, password } = person;
    const { body } = await app.http.post('/v1/auth/login', { username, password, audience: ['urn:orders'] });
    return String(body['access_token']);
  };

  it('compiles', async () => {
    expect(blocks.map(({ name }) => name)).toEqual([
      'express.mts',
      'fastify.mts',
      'nest.mts',
      'plain.mts',
      'commonjs.cts',
      'orders.test.mts',
      'metrics.mts',
      'broker.mts',
    ]);
    expect(await compile({ outDir: 'out', experimentalDecorators: true, emitDecoratorMetadata: true })).toEqual([]);
  });

  it('sets Portcullis up for a service, and does in five minutes what it says', async () => {
    const { body } = await app.http.post('/v1/auth/login', {
      username: 'admin',
      password: 'correct horse battery staple',
    });
    const env = { PATH, HOME, ADMIN: String(body['access_token']) };
    const pasted = (text: string): string =>
      text.replaceAll('http://localhost:3000', app.url).replace(/^npm install .*$/m, '');
    const bash = (text: string, more = {}): Promise<{ stdout: string }> =>
      run('bash', ['-Eeuo', 'pipefail', '-c', text], { env: { ...env, ...more } });
    const told = 'echo "$CLIENT_ID $CLIENT_SECRET $CAROL_ID"';
    const { stdout } = await bash(`${pasted(SET_UP)}\n${told}`);
    const [identifier, permission, role, ids = ''] = stdout.trimEnd().split('\n');
    expect([identifier, permission, role]).toEqual(['urn:orders', 'orders:read', 'clerk']);
    const [clientId = '', clientSecret = '', carolId = ''] = ids.split(' ');
    expect(clientSecret).not.toBe('');
    environment = { PATH, ISSUER: front.issuer, CLIENT_ID: clientId, CLIENT_SECRET: clientSecret };
    await serving('express', async (url) => {
      const [definitions = ''] = /^API=.*?(?=^$)/ms.exec(SET_UP) ?? [];
      const { stdout } = await bash(`${pasted(definitions)}\n${TRY_OUT}`, { CAROL_ID: carolId, ORDERS: url });
      const [promised = ''] = /^```json\n(.*?)^```$/ms.exec(README)?.slice(1) ?? [];
      expect(stdout.trimEnd().split('\n')).toEqual(['401', '200', 'carol disabled', '401', promised.trimEnd()]);
    });
  });

  /** While a service of the README runs. */
  async function serving(name: string, work: (url: string) => Promise<void>): Promise<void> {
    const probe = await LocalServer.listen(() => undefined);
    const { port } = new URL(probe.url);
    await probe.close();
    const service = spawn(process.execPath, [join('out', `${name}.mjs`)], {
      cwd: project,
      env: { ...environment, PORT: port },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(service, 'exit');
    try {
      for await (const line of createInterface(service.stdout)) if (line === `Orders listen on ${port}`) break;
      await work(`http://localhost:${port}`);
    } finally {
      service.kill();
      await exited;
    }
  }

  it.each(['express', 'fastify', 'nest'])('guards routes: %s.mts', async (name) => {
    person = await createPerson(admin, ['clerk']);
    await serving(name, async (url) => {
      const http = new HttpClient(url);
      const token = await tokenFor();
      expect((await http.get('/orders')).status).toBe(401);
      expect((await http.as(token).get('/orders')).body).toEqual({ orders: [], of: person.id });
      expect((await http.as(token).get('/me')).body).toEqual({ subject: person.id });
      await admin.post(`/v1/users/${person.id}/disable`);
      const since = performance.now();
      await until('the disabled user is refused', async () => (await http.as(token).get('/me')).status !== 200);
      console.log(
        `proof: ${name}.mts: from the answer to the admin to the refusal ${(performance.now() - since).toFixed(1)} ms (target 100 ms)`,
      );
      const [, promised = '{}'] = /^```json\n(.*?)^```$/ms.exec(README) ?? [];
      expect((await http.as(token).get('/me')).body).toEqual(JSON.parse(promised));
    });
  });

  it('verifies, counts, and runs from CommonJS', async () => {
    person = await createPerson(admin, ['clerk']);
    const withToken = async (file: string, token: string): Promise<string> => {
      const env = { ...environment, TOKEN: token };
      const { stdout, stderr } = await run(process.execPath, [join('out', file)], { cwd: project, env });
      expect(stderr).toBe('');
      return stdout;
    };
    const token = await tokenFor();
    expect(await withToken('plain.mjs', token)).toBe('may read\n');
    expect(await withToken('plain.mjs', 'nonsense')).toBe('401 malformed\n');
    expect(await withToken('commonjs.cjs', token)).toBe(`function ${person.id}\n`);
    expect(await withToken('metrics.mjs', token)).toBe("Map(1) { 'accepted none window' => 1 }\n");
    const { body } = await admin.post('/v1/tokens', {
      audience: 'urn:portcullis:broker',
      ttlSeconds: 300,
      permissions: { sub: ['/orders/*'], pub: [], all: [] },
    });
    expect(await withToken('broker.mjs', String(body['access_token']))).toBe('true false\n');
  });

  it('tests a service', async () => {
    const output = await node('--test', join('out', 'orders.test.mjs'));
    expect(output).toMatch(/^# pass 2$/m);
  });
});
