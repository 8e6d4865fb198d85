import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until the condition holds: looks again every few milliseconds, and fails when the deadline has passed.
 *
 * @param what what is waited for, for the message
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited ${deadlineMs} ms in vain until ${what}.`);
    await delay(5);
  }
}
