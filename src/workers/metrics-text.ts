/** What one worker says, in the Prometheus text format. */
export interface WorkerMetrics {
  worker: string;
  text: string;
}

interface Family {
  /** The lines of HELP and TYPE. */
  head: string[];
  samples: string[];
}

/**
 * The metrics of all workers as one text, each sample labelled with its worker. Not added up: a counter of a worker that was replaced begins anew,
 * which Prometheus sees in a series of its own and would take for a jump in a sum.
 */
export function mergeMetrics(workers: readonly WorkerMetrics[]): string {
  const families = new Map<string, Family>();
  for (const { worker, text } of workers) addTo(families, text, worker);
  return [...families.values()].flatMap(({ head, samples }) => [...head, ...samples, '']).join('\n');
}

/** A family is what follows its lines of HELP and TYPE; the format wants each of them once. */
function addTo(families: Map<string, Family>, text: string, worker: string): void {
  let family: Family = { head: [], samples: [] };
  for (const line of text.split('\n')) {
    const [, name] = /^# (?:HELP|TYPE) (\S+)/.exec(line) ?? [];
    if (name !== undefined) {
      const known = families.get(name);
      if (known === undefined) families.set(name, (family = { head: [line], samples: [] }));
      else if ((family = known).samples.length === 0) family.head.push(line);
    } else if (line !== '' && !line.startsWith('#')) {
      family.samples.push(labelled(line, worker));
    }
  }
}

function labelled(sample: string, worker: string): string {
  const end = /^[\w:]+/.exec(sample)?.[0].length ?? 0;
  const hasLabels = sample[end] === '{';
  return `${sample.slice(0, end)}{worker="${worker}"${hasLabels ? `,${sample.slice(end + 1)}` : `}${sample.slice(end)}`}`;
}
