import { describe, expect, it } from '@jest/globals';
import { mergeMetrics } from './metrics-text.js';

const text = (count: number): string => `# HELP requests_total Requests
# TYPE requests_total counter
requests_total{route="/v1/users/:id"} ${count}
requests_total{route="a } b"} 1

# HELP memory_bytes Memory
# TYPE memory_bytes gauge
memory_bytes 2.5e+6
`;

describe('the metrics of several workers', () => {
  it('are one text, in which each says whose they are', () => {
    expect(
      mergeMetrics([
        { worker: '1', text: text(3) },
        { worker: '4', text: text(7) },
      ]),
    ).toBe(`# HELP requests_total Requests
# TYPE requests_total counter
requests_total{worker="1",route="/v1/users/:id"} 3
requests_total{worker="1",route="a } b"} 1
requests_total{worker="4",route="/v1/users/:id"} 7
requests_total{worker="4",route="a } b"} 1

# HELP memory_bytes Memory
# TYPE memory_bytes gauge
memory_bytes{worker="1"} 2.5e+6
memory_bytes{worker="4"} 2.5e+6
`);
  });

  it('need not be the same', () => {
    const merged = mergeMetrics([
      { worker: '1', text: '# TYPE a gauge\n' },
      { worker: '2', text: '# TYPE b gauge\nb 1\n# TYPE a gauge\na 2\n' },
    ]);
    expect(merged.split('\n').filter((line) => !line.startsWith('#') && line !== '')).toEqual([
      'a{worker="2"} 2',
      'b{worker="2"} 1',
    ]);
  });
});
