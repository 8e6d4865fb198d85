/** A page of those that links in mails lead to. The token says by itself what it is good for. */
export type MailPage = 'reset-password' | 'accept-invitation' | 'verify-email' | 'complete-registration';

/** @param base without a trailing slash; from the configuration, never from a request, whose Host header anybody may write */
export function mailLink(base: string, page: MailPage, token: string): string {
  return `${base}/${page}?token=${encodeURIComponent(token)}`;
}

/** `3600` is `1 hour`, `5400` is `90 minutes`. */
export function inWords(seconds: number): string {
  const [unit, length] = UNITS.find(([, each]) => seconds >= each && seconds % each === 0) ?? ['second', 1];
  const count = seconds / length;
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];
