import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RequestDurations } from './request-durations.js';

describe('the durations of requests', () => {
  it('are told in the Prometheus text format', () => {
    const durations = new RequestDurations();
    durations.observe('GET', '/v1/users/:id', 200, 0.001);
    durations.observe('GET', '/v1/users/:id', 204, 0.02);
    durations.observe('GET', '/v1/users/:id', 404, 60);
    const lines = durations.text().split('\n');
    expect(lines).toContain('# TYPE http_request_duration_seconds histogram');
    const found = 'method="GET",route="/v1/users/:id",status="2xx"';
    expect(lines).toContain(`http_request_duration_seconds_bucket{le="0.001",${found}} 1`);
    expect(lines).toContain(`http_request_duration_seconds_bucket{le="0.01",${found}} 1`);
    expect(lines).toContain(`http_request_duration_seconds_bucket{le="0.025",${found}} 2`);
    expect(lines).toContain(`http_request_duration_seconds_bucket{le="+Inf",${found}} 2`);
    expect(lines).toContain(`http_request_duration_seconds_sum{${found}} 0.021`);
    expect(lines).toContain(`http_request_duration_seconds_count{${found}} 2`);
    const missing = 'method="GET",route="/v1/users/:id",status="4xx"';
    expect(lines).toContain(`http_request_duration_seconds_bucket{le="10",${missing}} 0`);
    expect(lines).toContain(`http_request_duration_seconds_bucket{le="+Inf",${missing}} 1`);
  });

  it('fall into every bucket whose bound they do not exceed', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true })), (seconds) => {
        const durations = new RequestDurations();
        for (const each of seconds) durations.observe('GET', '/', 200, each);
        for (const [, bound, count] of durations.text().matchAll(/_bucket\{le="([^"]+)",.*\} (\d+)$/gm)) {
          const limit = bound === '+Inf' ? Infinity : Number(bound);
          expect(Number(count)).toBe(seconds.filter((each) => each <= limit).length);
        }
      }),
    );
  });
});
