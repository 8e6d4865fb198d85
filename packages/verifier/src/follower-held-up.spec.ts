import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { CatchUp } from './events.js';
import { WindowFollower } from './follower.js';
import { ValidityWindow } from './window.js';

const TIMEOUT_MS = 50;
const ANSWER: CatchUp = { seq: 10, floor: 0, keepSeconds: 3600, keepAccessSeconds: 300, events: [] };

let server: Server;
let socket: Socket;
let whenAsked: (answer: () => void) => void;

/** Holds the event loop up, as a long computation or a starved machine does. */
function holdUp(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

beforeEach(async () => {
  server = createServer((client) => {
    // The other end is cut off at the end of a test, read or not.
    client.on('error', () => undefined);
    client.on('data', () => whenAsked(() => client.write(JSON.stringify(ANSWER))));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
});
afterEach(() => {
  socket.destroy();
  server.close();
});

async function source(): Promise<CatchUp> {
  socket.write('asked');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return JSON.parse(answer.toString()) as CatchUp;
}

describe('a process that was held up for longer than the timeout', () => {
  it('takes the answer that was there in time', async () => {
    whenAsked = (answer) => {
      answer();
      holdUp(3 * TIMEOUT_MS);
    };
    const follower = new WindowFollower(source, new ValidityWindow(), { timeoutMs: TIMEOUT_MS });
    await follower.freshSince(follower.monotonic());
    expect(follower.window.seq).toBe(ANSWER.seq);
    follower.stop();
  });

  it('gives up when there is none', async () => {
    whenAsked = () => holdUp(3 * TIMEOUT_MS);
    const follower = new WindowFollower(source, new ValidityWindow(), { timeoutMs: TIMEOUT_MS });
    await expect(follower.freshSince(follower.monotonic())).rejects.toMatchObject({ code: 'validity_unknown' });
    follower.stop();
  });
});
