/** What one of several workers gets of something that all of them have together, in whole parts: what does not go round is the first ones'. */
export function shareOf(total: number, workers: number, worker: number): number {
  return Math.floor(total / workers) + (worker < total % workers ? 1 : 0);
}
