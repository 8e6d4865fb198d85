import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import { HttpError } from './http-json.js';
import { IssuerAccess } from './issuer-access.js';

const ISSUER = 'https://auth.example';
const METADATA = JSON.stringify({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks.json` });

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** Counts how often it is asked; without a body it takes questions and never answers. */
async function instance(body?: string): Promise<{ url: string; asked: number }> {
  const stand = { url: '', asked: 0 };
  const server = createServer((_request, response) => {
    stand.asked++;
    if (body !== undefined) response.end(body);
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  stand.url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return stand;
}

const jwksUri = ({ jwksUri }: { jwksUri: string }): Promise<string> => Promise.resolve(jwksUri);

it('goes on to the next address when one is silent, and begins with the one that answered from then on', async () => {
  const [silent, good] = [await instance(), await instance(METADATA)];
  const access = new IssuerAccess(ISSUER, [silent.url, good.url], 400);
  expect(await access.ask(jwksUri)).toBe(`${good.url}/jwks.json`);
  expect(await access.ask(jwksUri)).toBe(`${good.url}/jwks.json`);
  expect([silent.asked, good.asked]).toEqual([1, 1]);
});

it('fails within the deadline, however many addresses are silent', async () => {
  const silent = await Promise.all([instance(), instance(), instance()]);
  const access = new IssuerAccess(
    ISSUER,
    silent.map(({ url }) => url),
    300,
  );
  const since = performance.now();
  await expect(access.ask(jwksUri)).rejects.toThrow(HttpError);
  // Ten times as long, as a busy machine may take.
  expect(performance.now() - since).toBeLessThan(3_000);
  expect(silent.map(({ asked }) => asked)).toEqual([1, 1, 1]);
});

it('gives up a question that is not answered in its time', async () => {
  const { url } = await instance(METADATA);
  const access = new IssuerAccess(ISSUER, [url], 100);
  const never = (_: unknown, signal: AbortSignal): Promise<never> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new HttpError('given up'));
      });
    });
  await expect(access.ask(never)).rejects.toThrow('given up');
});
