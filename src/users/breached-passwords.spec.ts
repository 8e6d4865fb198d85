import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import { BreachedPasswords, hasSuffix } from './breached-passwords.js';

const PASSWORD = 'violet otters juggle lanterns';
const HASH = createHash('sha1').update(PASSWORD).digest('hex').toUpperCase();

describe('the service that knows breached passwords', () => {
  let answer: (request: IncomingMessage, reply: ServerResponse) => void;
  const requests: { url: string | undefined; padding: unknown }[] = [];
  const server = createServer((request, reply) => {
    requests.push({ url: request.url, padding: request.headers['add-padding'] });
    answer(request, reply);
  });
  const warnings: string[] = [];
  let breached: BreachedPasswords;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    breached = new BreachedPasswords({ breachedPasswordsUrl: `http://127.0.0.1:${port}/range/` });
    Logger.overrideLogger({
      log: () => undefined,
      error: () => undefined,
      warn: (line: string) => warnings.push(line),
    });
  });
  beforeEach(() => {
    requests.length = 0;
    warnings.length = 0;
  });
  afterAll(() => {
    Logger.overrideLogger(['error']);
    server.closeAllConnections();
    server.close();
  });

  it('is told five digits of the hash, and finds the password among its answers', async () => {
    answer = (_, reply) => reply.end(`${'0'.repeat(35)}:3\r\n${HASH.slice(5)}:17\r\n`);
    expect(await breached.includes(PASSWORD)).toBe(true);
    expect(requests).toEqual([{ url: `/range/${HASH.slice(0, 5)}`, padding: 'true' }]);
    answer = (_, reply) => reply.end(`${'0'.repeat(35)}:3\r\n`);
    expect(await breached.includes(PASSWORD)).toBe(false);
  });

  it.each<[string, typeof answer]>([
    ['fails', (_, reply) => reply.writeHead(503).end()],
    ['hangs up', (request) => request.socket.destroy()],
    ['sends elsewhere', (_, reply) => reply.writeHead(302, { location: '/range/FFFFF' }).end()],
    ['answers without end', (_, reply) => reply.end('x'.repeat(600_000))],
    ['does not answer in time', () => undefined],
  ])('stops nobody when it %s, and the log says so without the hash', async (_, what) => {
    answer = what;
    expect(await breached.includes(PASSWORD)).toBe(false);
    expect(warnings).toHaveLength(1);
    expect(warnings.join()).toContain('was not looked up');
    for (const secret of [PASSWORD, HASH, HASH.slice(0, 5)]) expect(warnings.join()).not.toContain(secret);
  });

  it('is asked by nobody unless it is configured', async () => {
    expect(await new BreachedPasswords({ breachedPasswordsUrl: null }).includes(PASSWORD)).toBe(false);
    expect(requests).toEqual([]);
  });

  it.each([
    ['ABC:1', true],
    ['abc:2\n', true],
    ['ABC:0', false],
    ['ABCD:1', false],
    ['', false],
  ])('reads %j', (range, expected) => {
    expect(hasSuffix(range, 'ABC')).toBe(expected);
  });
});
