import type { HttpClient } from '../../support/http.js';

/** What the service says about itself: `name{labels}`, as in the Prometheus text format, to its value. */
export async function readMetrics(http: HttpClient): Promise<ReadonlyMap<string, number>> {
  const { status, body } = await http.get<string>('/metrics');
  if (status !== 200) throw new Error(`/metrics answers ${status}`);
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}
