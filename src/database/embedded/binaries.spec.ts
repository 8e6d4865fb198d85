import { describe, expect, it } from '@jest/globals';
import { chooseBinaries } from './binaries.js';

const packaged = { directory: '/package', major: 18 };
const fifteen = { directory: '/usr/lib/postgresql/15/bin', major: 15 };

describe('chooseBinaries', () => {
  it('takes the first where there is no data yet', () => {
    expect(chooseBinaries([packaged, fifteen], [])).toBe(packaged);
    expect(chooseBinaries([], [])).toBeUndefined();
  });

  it('takes those that can read the newest data', () => {
    expect(chooseBinaries([packaged, fifteen], [15])).toBe(fifteen);
    expect(chooseBinaries([packaged, fifteen], [15, 18])).toBe(packaged);
  });

  it('takes none rather than begin with an empty database beside the data', () => {
    expect(chooseBinaries([packaged], [15])).toBeUndefined();
    expect(chooseBinaries([fifteen], [18])).toBeUndefined();
  });
});
