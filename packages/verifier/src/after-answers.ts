/**
 * Gives up after `ms`, but not before what has been received by then was looked at. A process that was held up for longer runs its timers first:
 * it would give up on an answer that has long been there.
 *
 * @returns cancels it
 */
export function afterAnswers(ms: number, giveUp: () => void): () => void {
  let last: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    last = setImmediate(giveUp);
  }, ms).unref();
  return () => {
    clearTimeout(timer);
    clearImmediate(last);
  };
}
