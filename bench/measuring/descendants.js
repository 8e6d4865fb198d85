import { readFileSync, readdirSync } from 'node:fs';
import { platform } from 'node:os';

/** Clock ticks are hundredths of a second wherever Linux tells them to programs. */
const MICROSECONDS_PER_TICK = 10_000;

/** CPU time (µs) of the processes that descend from `pid`, itself excluded: of a service, its embedded Postgres. Linux only; else null. */
export function descendantsCpu(pid) {
  if (platform() !== 'linux') return null;
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(statOf);
  let ticks = 0;
  for (let parents = new Set([pid]); parents.size > 0;) {
    const children = processes.filter(({ parent }) => parents.has(parent));
    ticks += children.reduce((sum, child) => sum + child.ticks, 0);
    parents = new Set(children.map((child) => child.pid));
  }
  return ticks * MICROSECONDS_PER_TICK;
}

function statOf(name) {
  try {
    const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
    // The second field, the program's name in brackets, may contain anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // utime, stime, and those of its children that have ended.
    return [{ pid: Number(name), parent: Number(fields[1]), ticks: sum(fields.slice(11, 15)) }];
  } catch {
    return []; // It has ended meanwhile.
  }
}

function sum(texts) {
  return texts.reduce((total, text) => total + Number(text), 0);
}
