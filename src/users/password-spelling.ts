/** Which letter a digit or sign stands for in words that are spelt like pa55w0rd. One and l look alike, and are written for i and for each other. */
const STANDS_FOR: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  l: 'i',
  '!': 'i',
  '|': 'i',
  '3': 'e',
  '€': 'e',
  '4': 'a',
  '@': 'a',
  '5': 's',
  $: 's',
  '7': 't',
  '+': 't',
  '8': 'b',
};

/** One spelling for all the ways in which people write a letter of a word. Characters stay one for one. */
export function spellingOf(character: string): string {
  return STANDS_FOR[character] ?? character;
}

/** A word as `cheapestGuess` looks it up. */
export function spellingOfWord(word: string): string {
  return [...word.toLowerCase()].map(spellingOf).join('');
}
