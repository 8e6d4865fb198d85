import type { Parser } from './parsers.js';

/** One environment variable: how it is read, and how the README describes it. */
export interface Variable<T> {
  readonly name: string;
  /** The text that is parsed when the variable is not given; `null` when `absent` says what happens instead. */
  readonly default: string | null;
  /** The default in the README's words, where there is no default text. */
  readonly absent?: string;
  readonly parser: Parser<T>;
  readonly meaning: string;
  /** A secret's value is never repeated in a message. */
  readonly secret: boolean;
}

export function withDefault<T>(name: string, text: string, parser: Parser<T>, meaning: string): Variable<T> {
  return { name, default: text, parser, meaning, secret: false };
}

export function optional<T>(name: string, absent: string, parser: Parser<T>, meaning: string): Variable<T | null> {
  return { name, default: null, absent, parser, meaning, secret: false };
}

export function secret<T>(name: string, absent: string, parser: Parser<T>, meaning: string): Variable<T | null> {
  return { ...optional(name, absent, parser, meaning), secret: true };
}
