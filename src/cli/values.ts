import { InvalidArgumentError } from 'commander';

const UNIT_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** Seconds: a number, or one with a unit (`300`, `300s`, `15m`, `24h`, `30d`), as in the configuration. */
export function duration(text: string): number {
  const [, number = '', unit = 's'] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? [];
  if (number === '') throw new InvalidArgumentError('A number of seconds, or one with a unit: 300, 15m, 24h, 30d.');
  return Number(number) * UNIT_SECONDS[(unit || 's') as keyof typeof UNIT_SECONDS];
}

/** This machine's clock, in seconds since 1970. */
export function seconds(): number {
  return Date.now() / 1000;
}
