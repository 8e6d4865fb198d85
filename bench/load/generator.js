import { createHistogram } from 'node:perf_hooks';
import { answerParent } from '../measuring/answer-parent.js';
import { Connection } from './connection.js';

answerParent({ run });

/**
 * Keeps as many requests in flight as there are connections: each sends its next as soon as its answer has come.
 *
 * @returns requests answered, seconds they took in all, and the latency's quantiles (ms)
 */
async function run({ port, requests, connections, seconds }) {
  const bytes = requests.map((request) => Buffer.from(request, 'latin1'));
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(port)));
  const latency = createHistogram();
  const began = performance.now();
  const end = began + seconds * 1000;
  let next = 0;

  const keepSending = (connection) =>
    new Promise((resolve, reject) => {
      let sentAt;
      const answered = (error) => {
        const now = performance.now();
        if (error !== undefined) return reject(error);
        if (sentAt !== undefined) latency.record(Math.max(1, Math.round((now - sentAt) * 1000)));
        if (now >= end) return resolve();
        sentAt = now;
        connection.send(bytes[next++ % bytes.length], answered);
      };
      answered();
    });

  try {
    await Promise.all(open.map(keepSending));
    return {
      requests: latency.count,
      seconds: (performance.now() - began) / 1000,
      p50: latency.percentile(50) / 1000,
      p99: latency.percentile(99) / 1000,
    };
  } finally {
    for (const connection of open) connection.close();
  }
}
