import { readFileSync, readdirSync } from 'node:fs';
import { platform } from 'node:os';

/** Clock ticks are hundredths of a second wherever Linux tells them to programs. */
const MICROSECONDS_PER_TICK = 10_000;

/**
 * The processes that descend from `pid`, itself excluded: of a service, its embedded Postgres. None where there is no `/proc`.
 *
 * @returns of each its pid and the CPU time of itself and of those of its children that have ended (µs)
 */
export function descendants(pid) {
  if (platform() !== 'linux') return [];
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(statOf);
  const found = [];
  for (let parents = new Set([pid]); parents.size > 0;) {
    const children = processes.filter(({ parent }) => parents.has(parent));
    found.push(...children);
    parents = new Set(children.map((child) => child.pid));
  }
  return found;
}

function statOf(name) {
  try {
    const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
    // The second field, the program's name in brackets, may contain anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, text) => sum + Number(text), 0);
    return [{ pid: Number(name), parent: Number(fields[1]), cpu: ticks * MICROSECONDS_PER_TICK }];
  } catch {
    return []; // It has ended meanwhile.
  }
}
