import { expect, it } from '@jest/globals';
import { nearestName } from './nearest-name.js';

const KNOWN = ['maxStaleness', 'onStale', 'issuer', 'urls'];

it.each([
  ['maxStalenes', 'maxStaleness'],
  ['onStal', 'onStale'],
  ['ONSTALE', 'onStale'],
  ['maxStalenessMs', 'maxStaleness'],
  ['isuser', 'issuer'],
  ['url', 'urls'],
  ['logger', undefined],
  ['x', undefined],
  ['', undefined],
])('%j is perhaps meant to be %s', (name, meant) => {
  expect(nearestName(name, KNOWN)).toBe(meant);
});
