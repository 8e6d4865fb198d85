import { spellingOf } from './password-spelling.js';
import { isStep } from './password-steps.js';

/** What a guesser tries before anything else, in the spelling of `spellingOf`. */
export interface GuessersWords {
  /** Words that many people use. */
  common: ReadonlySet<string>;
  /** What has to do with this user and this service. */
  names: ReadonlySet<string>;
}

/** - `common`: a word that many use; `name`: one of the user or the service; `sequence`: keys or characters in a row, repetitions, dates; `padding`: digits and signs. */
export type PieceKind = 'common' | 'name' | 'sequence' | 'padding';

/** How a guesser would put the password together. */
export interface Guess {
  /** log2 of the guesses that it takes, roughly. */
  bits: number;
  kinds: ReadonlySet<PieceKind>;
}

/** What takes 2 to the power of so many guesses is not found like that: online ten lock an account, and offline each costs a hash. */
export const GUESSABLE_BITS = 40;

interface Piece {
  kind: PieceKind;
  bits: number;
  /** In characters. */
  length: number;
}

interface Step extends Piece {
  total: number;
  before: Step | null;
}

const BITS = { common: 15, name: 4, run: 7, year: 7, date: 15, repetition: 3, digit: 3.3, sign: 5 };
const SHORTEST_WORD = 4;
const SHORTEST_NAME = 3;
const SHORTEST_RUN = 3;
/** Bounds the work. */
const LONGEST_PIECE = 32;

const YEAR = /^(?:19|20)\d\d/;
const DATE =
  /^(?:(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d\d|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:19|20)\d\d)/;

/**
 * The cheapest way to make the password of pieces that guessers try: common words, names, sequences, and digits and signs around them. Null when
 * it takes too many guesses, or there is a letter in it that belongs to no piece.
 *
 * @param password normalised
 */
export function cheapestGuess(password: string, words: GuessersWords): Guess | null {
  const text = [...password.toLowerCase()];
  const spelling = text.map(spellingOf);
  const ways: (Step | null)[] = [{ kind: 'padding', bits: 0, length: 0, total: 0, before: null }];
  for (let start = 0; start < text.length; start++) {
    const before = ways[start];
    if (!before) continue;
    for (const piece of piecesAt(start, text, spelling, words)) {
      const end = start + piece.length;
      const total = before.total + piece.bits;
      if (total < (ways[end]?.total ?? GUESSABLE_BITS)) ways[end] = { ...piece, total, before };
    }
  }
  const last = ways[text.length];
  return last ? { bits: last.total, kinds: kindsOf(last) } : null;
}

function* piecesAt(
  start: number,
  text: readonly string[],
  spelling: readonly string[],
  { common, names }: GuessersWords,
): Generator<Piece> {
  const character = text[start] ?? '';
  if (/\d/.test(character)) yield { kind: 'padding', bits: BITS.digit, length: 1 };
  else if (!/\p{L}/u.test(character)) yield { kind: 'padding', bits: BITS.sign, length: 1 };

  const rest = text.slice(start, start + 8).join('');
  if (YEAR.test(rest)) yield { kind: 'sequence', bits: BITS.year, length: 4 };
  if (DATE.test(rest)) yield { kind: 'sequence', bits: BITS.date, length: 8 };
  const run = runFrom(start, text);
  for (let length = SHORTEST_RUN; length <= run; length++) yield { kind: 'sequence', bits: BITS.run, length };
  for (let length = 2; length <= LONGEST_PIECE && start >= length && start + length <= text.length; length++)
    if (repeats(start, length, text)) yield { kind: 'sequence', bits: BITS.repetition, length };

  let word = '';
  for (let length = 1; length <= LONGEST_PIECE && start + length <= text.length; length++) {
    word += spelling[start + length - 1] ?? '';
    if (length >= SHORTEST_WORD && common.has(word)) yield { kind: 'common', bits: BITS.common, length };
    if (length >= SHORTEST_NAME && names.has(word)) yield { kind: 'name', bits: BITS.name, length };
  }
}

function runFrom(start: number, text: readonly string[]): number {
  let length = 1;
  while (length < LONGEST_PIECE && isStep(text[start + length - 1] ?? '', text[start + length] ?? '')) length++;
  return length;
}

function repeats(start: number, length: number, text: readonly string[]): boolean {
  for (let i = start; i < start + length; i++) if (text[i] !== text[i - length]) return false;
  return true;
}

function kindsOf(last: Step): Set<PieceKind> {
  const kinds = new Set<PieceKind>();
  for (let step = last; step.before; step = step.before) kinds.add(step.kind);
  return kinds;
}
