import type { CatchUp } from '@portcullis/verifier';
import { HttpConnection, requestText } from './http-connection.js';

// A process of many subscribers of the feed, each on a connection of its own, which do nothing but ask, as a service does that follows it. Its parent
// sends one `Following`, and gets one `Delivery` for each event once all have it.

export interface Following {
  url: string;
  token: string;
  subscribers: number;
  /** From where on. */
  after: number;
  waitSeconds: number;
}

export interface Delivery {
  key: string;
  /** When each subscriber had it; on the clock of the system that only goes forward, in ms. */
  at: number[];
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6;

async function follow(following: Following): Promise<void> {
  const { url, token, subscribers, waitSeconds } = following;
  const deliveries = new Map<string, number[]>();

  async function subscribe(index: number): Promise<never> {
    const connection = await HttpConnection.open(url);
    const headers = { 'portcullis-subscriber': `load-${index}` };
    let { after } = following;
    for (;;) {
      const path = `/v1/validity/events?after=${after}&wait=${waitSeconds}&nonce=${index}`;
      const { status, body } = await connection.send(requestText('GET', path, { token, headers }));
      const at = now();
      if (status !== 200) throw new Error(`subscriber ${index}: ${status} ${body}`);
      const answer = JSON.parse(body) as CatchUp;
      after = answer.seq;
      for (const { key } of answer.events) deliver(key, at);
    }
  }

  function deliver(key: string, at: number): void {
    const times = deliveries.get(key) ?? [];
    times.push(at);
    deliveries.set(key, times);
    if (times.length < subscribers) return;
    deliveries.delete(key);
    // At the end nobody listens any more.
    process.send?.({ key, at: times } satisfies Delivery, () => undefined);
  }

  await Promise.all(Array.from({ length: subscribers }, (_, index) => subscribe(index)));
}

process.once('message', (following: Following) => void follow(following));
process.on('disconnect', () => process.exit());
