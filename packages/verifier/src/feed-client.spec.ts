import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { FeedClient } from './feed-client.js';
import { NO_ANSWER } from './long-poll-follower.js';

const ISSUER = 'https://auth.example';
const ANSWER = { seq: 10, floor: 0, keepSeconds: 300, keepAccessSeconds: 300, events: [] };

type Feed = (request: IncomingMessage, response: ServerResponse) => void;

const nonceOf = ({ url }: IncomingMessage): string | null =>
  new URL(url ?? '', 'http://stub').searchParams.get('nonce');

const answers: Feed = (request, response) => {
  response.end(JSON.stringify({ ...ANSWER, nonce: nonceOf(request) }));
};

const givesToken: Feed = (_request, response) => {
  response.end(JSON.stringify({ access_token: 'held', expires_in: 300 }));
};

const servers: Server[] = [];

/** Stands for one instance of the issuer. */
async function instance(feed: Feed, token: Feed = givesToken): Promise<string> {
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/.well-known/')) {
      response.end(
        JSON.stringify({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks.json`, token_endpoint: `${ISSUER}/token` }),
      );
    } else if (path !== '/token') feed(request, response);
    else token(request, response);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

const clientOf = (...urls: string[]): FeedClient =>
  new FeedClient({
    issuer: ISSUER,
    urls,
    credentials: { clientId: 'orders', clientSecret: 'x' },
    subscriber: 'orders-1',
  });

const ask = (client: FeedClient, signal = new AbortController().signal): Promise<unknown> =>
  client.ask(10, 0, signal, () => undefined);

describe('FeedClient', () => {
  it('asks no cache, and each time another question', async () => {
    const asked: IncomingMessage[] = [];
    const url = await instance((request, response) => {
      asked.push(request);
      answers(request, response);
    });
    const client = clientOf(url);
    await ask(client);
    await ask(client);
    expect(asked.map(({ headers }) => headers['cache-control'])).toEqual(['no-cache, no-store', 'no-cache, no-store']);
    expect(new Set(asked.map(nonceOf)).size).toBe(2);
  });

  it('takes no answer for its own that was given to another question, as a cache on the way gives it', async () => {
    let kept: string | undefined;
    const url = await instance((request, response) => {
      kept ??= JSON.stringify({ ...ANSWER, nonce: nonceOf(request) });
      response.end(kept);
    });
    const client = clientOf(url);
    await ask(client);
    await expect(ask(client)).rejects.toThrow('another question');
    const silent = clientOf(await instance((_request, response) => response.end(JSON.stringify(ANSWER))));
    await expect(ask(silent)).rejects.toThrow('another question');
  });

  it('goes on to the next address after a failure: once, however many questions failed there', async () => {
    const held: ServerResponse[] = [];
    const [bad, good] = [await instance((_request, response) => held.push(response)), await instance(answers)];
    const client = clientOf(bad, good);
    const failed = [ask(client), ask(client)];
    while (held.length < 2) await new Promise(setImmediate);
    for (const response of held) response.writeHead(502).end();
    for (const question of failed) await expect(question).rejects.toThrow('502');
    await expect(ask(client)).resolves.toMatchObject({ seq: 10 });
    await expect(ask(client)).resolves.toMatchObject({ seq: 10 });
  });

  it('does not wait at one address for the token that another does not give', async () => {
    const controller = new AbortController();
    const silent = await instance(answers, () => {
      controller.abort(NO_ANSWER);
    });
    const client = clientOf(silent, await instance(answers));
    await expect(ask(client, controller.signal)).rejects.toThrow(NO_ANSWER);
    await expect(ask(client)).resolves.toMatchObject({ seq: 10 });
  });
});

it('tells apart what it took to put the question from parts of the answer: after the former the issuer may still wait', async () => {
  const client = clientOf(await instance(answers));
  const heard: unknown[] = [];
  const signal = new AbortController().signal;
  await client.ask(10, 0, signal, (of) => heard.push(of));
  expect(heard[0]).toBe('question');
  expect(new Set(heard.slice(1))).toEqual(new Set(['answer']));
});
