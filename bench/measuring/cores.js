import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { platform } from 'node:os';

/** Two cores, one for the server that is measured and one for everything else; null where that cannot be arranged. */
export function twoCores() {
  if (platform() !== 'linux' || spawnSync('taskset', ['--version']).status !== 0) return null;
  const [, list] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  const cores = list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  return cores.length < 2 ? null : { server: cores[0], load: cores[1] };
}

/** All threads of a process to one core. Processes that it started before stay where they were. */
export function pin(pid, core) {
  const { status, stderr } = spawnSync('taskset', ['-acp', String(core), String(pid)]);
  if (status !== 0) throw new Error(`taskset: ${stderr}`);
}
