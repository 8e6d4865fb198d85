import { nearestName } from './nearest-name.js';

/* What options have in common: a fault in them is told where they are given, and not when a request comes. */

/** @throws TypeError for the first name that is not known, with the one that was perhaps meant */
export function assertKnownNames(what: string, given: object, known: ReadonlySet<string>): void {
  for (const name of Object.keys(given)) {
    if (known.has(name)) continue;
    const nearest = nearestName(name, known);
    const hint = nearest === undefined ? '' : `; is ${nearest} meant?`;
    throw new TypeError(`there is no ${what} ${JSON.stringify(name)}${hint}`);
  }
}

/** A number written as text is refused: what it is compared with would decide what it means. @throws TypeError */
export function assertNumber(
  name: string,
  value: unknown,
  { unit, most = Number.MAX_SAFE_INTEGER }: { unit: string; most?: number },
): asserts value is number {
  if (typeof value === 'number' && value >= 0 && value <= most) return;
  const upTo = most === Number.MAX_SAFE_INTEGER ? '0 or more' : `from 0 to ${String(most)}`;
  throw new TypeError(`${name} is a number of ${unit}, ${upTo}, not ${shown(value)}`);
}

/** @throws TypeError unless it is absent or of this type */
export function assertType(name: string, value: unknown, type: 'string' | 'boolean' | 'function'): void {
  if (value !== undefined && typeof value !== type) throw new TypeError(`${name} is a ${type}`);
}

/** Numbers as they are, all else as it would be written. */
function shown(value: unknown): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}
