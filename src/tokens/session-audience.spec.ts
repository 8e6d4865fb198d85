import { describe, expect, it } from '@jest/globals';
import { beyondSession } from './session-audience.js';

const ISSUER = 'https://auth.example';

describe('what lies beyond a session', () => {
  it.each<[string, string[], string[]]>([
    ['that was begun for the issuer: nothing', [ISSUER], ['urn:a', ISSUER]],
    ['that was begun for the issuer among others: nothing', ['urn:a', ISSUER], ['urn:b']],
    ['that was begun for services: none of these', ['urn:a', 'urn:b'], ['urn:b']],
  ])('%s', (_, session, asked) => {
    expect(beyondSession(asked, session, ISSUER)).toEqual([]);
  });

  it('that was begun for services: other services, and the issuer', () => {
    const problems = beyondSession(['urn:a', 'urn:b', ISSUER], ['urn:a'], ISSUER);
    expect(problems.map(({ audience }) => audience)).toEqual(['urn:b', ISSUER]);
  });
});
