/** Sending is tried so often, which with the waits between takes about five hours. Who still wants the mail then asks again. */
export const MOST_ATTEMPTS = 12;

/** Seconds. Longer than one attempt can take: a mail that is still being sent is not sent by another instance as well. */
const FIRST_WAIT = 60;
const LONGEST_WAIT = 3600;

/** After attempt number `attempt` (from 1), how long until the next one (seconds), should this one fail or the process die in it. */
export function waitAfter(attempt: number): number {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
}

/** What a mail server's refusal has in it (nodemailer). */
interface Refusal {
  command?: unknown;
  responseCode?: unknown;
}

/**
 * Whether the mail server has said for good that it does not take this recipient (RFC 5321 section 4.2.1: 5yz). Anything else may be mended by waiting or by
 * the operator: a server that is down or asks to come back, wrong credentials, a sender that it does not like.
 */
export function isFinal(error: unknown): boolean {
  const { command, responseCode } = (error ?? {}) as Refusal;
  return command === 'RCPT TO' && typeof responseCode === 'number' && responseCode >= 500;
}

/** The failure in words without an address: a server's reply repeats the recipient's, and the log is no place for it. */
export function describeFailure(error: unknown): string {
  const { code, command, responseCode } = (error ?? {}) as Refusal & { code?: unknown };
  if (typeof responseCode === 'number') return `the mail server answered ${responseCode} to ${String(command)}`;
  const message = error instanceof Error ? error.message : String(error);
  return typeof code === 'string' && !message.includes(code) ? `${code}: ${message}` : message;
}
