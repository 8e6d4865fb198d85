const ROWS = ['`1234567890-=', ' qwertyuiop[]\\', " asdfghjkl;'", ' zxcvbnm,./'];
const SHIFTED: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from('!@#$%^&*()_+', (sign, i) => [sign, '1234567890-='.charAt(i)]),
);

const PLACES = new Map(
  ROWS.flatMap((row, y) => [...row].map((key, x) => [key, { x, y }] as const)).filter(([key]) => key !== ' '),
);

/** Whether a finger that walks over the keyboard, or somebody who counts or recites the alphabet, goes from one character to the other. */
export function isStep(from: string, to: string): boolean {
  return from === to || follows(from, to) || neighbours(from, to);
}

function follows(from: string, to: string): boolean {
  const both = from + to;
  if (!/^(?:\d\d|\p{L}\p{L})$/u.test(both)) return false;
  const distance = (to.codePointAt(0) ?? 0) - (from.codePointAt(0) ?? 0);
  return Math.abs(distance) === 1 || both === '90' || both === '09';
}

/** Each row of keys stands half a key to the right of the one above. */
function neighbours(from: string, to: string): boolean {
  const a = PLACES.get(SHIFTED[from] ?? from);
  const b = PLACES.get(SHIFTED[to] ?? to);
  if (!a || !b) return false;
  const across = b.x - a.x;
  if (a.y === b.y) return Math.abs(across) === 1;
  if (b.y - a.y === 1) return across === 0 || across === -1;
  return a.y - b.y === 1 && (across === 0 || across === 1);
}
