import { describe, expect, it } from '@jest/globals';
import { COMFORTABLE_SIZE, mintedFrom, warningsField } from './minted-token.js';

const claims = { iss: 'i', sub: 's', aud: 'a', exp: 400, iat: 100, jti: 'j', client_id: 'c', scope: 'x:y' };

describe('a minted token', () => {
  it('is told with its lifetime and scope', () => {
    expect(mintedFrom({ text: 't', claims, kid: 'k' })).toEqual({
      accessToken: 't',
      expiresIn: 300,
      scope: 'x:y',
      warnings: [],
    });
  });

  it('is warned of only beyond the size that everything takes', () => {
    const warningsOf = (bytes: number) => mintedFrom({ text: 't'.repeat(bytes), claims, kid: 'k' }).warnings;
    expect(warningsOf(COMFORTABLE_SIZE)).toEqual([]);
    expect(warningsOf(COMFORTABLE_SIZE + 1)).toEqual([expect.stringContaining('4097 bytes')]);
  });

  it('has a field for warnings only where there are any', () => {
    expect(warningsField([])).toEqual({});
    expect(warningsField(['w'])).toEqual({ warnings: ['w'] });
  });
});
