import { v7 } from 'uuid';

const ACCEPTABLE = /^[A-Za-z0-9._-]{8,64}$/;

/** The caller's own id when it is harmless in logs and headers, so that a request can be followed across services; else a new one. */
export function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && ACCEPTABLE.test(given) ? given : v7();
}
