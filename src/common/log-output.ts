import cluster from 'node:cluster';
import { pino, type DestinationStream } from 'pino';

/** Bytes of lines that wait to be written: about a minute of a busy service. */
const LONGEST_BACKLOG = 16 * 1024 * 1024;
/** Bytes that a pipe takes as a whole (POSIX's PIPE_BUF, on Linux): what several workers write into one at once stays in lines. */
const WRITTEN_WHOLE = 4096;

/**
 * Writes in the background, since a line to a slow pipe would otherwise hold up every request; pino flushes when the process ends. Whoever
 * reads too slowly, or not at all, loses lines then, rather than the service its memory; how many is in the first line after that.
 *
 * @param fd open for writing
 * @param lossOf the line that tells of so many lost ones
 */
export function inBackground(
  fd: number,
  lossOf: (lines: number) => string,
  longestBacklog = LONGEST_BACKLOG,
): DestinationStream {
  const output = pino.destination({
    dest: fd,
    sync: false,
    maxLength: longestBacklog,
    ...(cluster.isWorker && { maxWrite: WRITTEN_WHOLE }),
  });
  let lost = 0;
  output.on('drop', () => lost++);
  output.on('drain', () => {
    if (lost === 0) return;
    output.write(lossOf(lost));
    lost = 0;
  });
  return output;
}
