import path from 'node:path';

/**
 * What comes first: the soak, which takes ten minutes and keeps hardly anything busy, then what measures how long things take, so that nothing but the
 * soak runs beside it, then the others from the longest to the shortest, so that no long one is left for the end. A proof that is not
 * named here comes after these.
 */
const ORDER = [
  'soak',
  'load',
  'fleet',
  'feed-load',
  'door',
  'decisions-http',
  'crash',
  'upgrade',
  'faults',
  'feed-cut',
  'key-rotation',
  'operations',
  'instances',
  'start',
  'input',
  'cli',
  'privileges',
  'workers',
  'mail-flows',
  'races',
  'token-attacks',
  'examples',
  'docs',
  'door-limits',
  'package',
  'second-factors',
  'decisions',
];

/** Jest's `testSequencer` of `npm run test:proof`. */
export default class ProofSequencer {
  sort(tests) {
    return tests.toSorted((a, b) => place(a) - place(b) || a.path.localeCompare(b.path));
  }

  /** Jest offers how long each took: the order does not depend on that. */
  cacheResults() {
    return undefined;
  }
}

function place(test) {
  const index = ORDER.indexOf(path.basename(test.path, '.proof.ts'));
  return index < 0 ? ORDER.length : index;
}
