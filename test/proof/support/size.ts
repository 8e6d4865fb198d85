const SIZE = Number(process.env['PROOF_SIZE'] ?? 1);
if (!(SIZE > 0 && SIZE <= 1)) throw new Error('PROOF_SIZE is more than 0 and at most 1');

/** So many repetitions, or the part of them that `PROOF_SIZE` asks for, where there is no time for all. */
export function sized(repetitions: number): number {
  return Math.ceil(repetitions * SIZE);
}
