/** What argon2id (RFC 9106) is told to take: it writes `memoryKib` so many times as there are `iterations`. */
export interface HashCost {
  memoryKib: number;
  iterations: number;
}

/** The least memory that argon2 accepts, for one lane (RFC 9106 section 3.1). */
const LEAST_KIB = 8;

/**
 * The work that a hash of the one cost lacks to take as long as one of the other, in no more memory than that has; null when it lacks none. The
 * lanes do not matter: they are filled one after another.
 */
export function costMissing(made: HashCost, wanted: HashCost): HashCost | null {
  const missing = wanted.memoryKib * wanted.iterations - made.memoryKib * made.iterations;
  if (missing < LEAST_KIB) return null;
  const iterations = Math.ceil(missing / Math.max(LEAST_KIB, wanted.memoryKib));
  return { memoryKib: Math.max(LEAST_KIB, Math.round(missing / iterations)), iterations };
}
