import { describe, expect, it } from '@jest/globals';
import { MOST_ATTEMPTS, describeFailure, isFinal, waitAfter } from './mail-retry.js';

const refusal = (fields: object): Error => Object.assign(new Error('550 5.1.1 <ann@example.org> unknown'), fields);

describe('sending again', () => {
  it('waits twice as long each time, up to an hour, and about five hours in all', () => {
    const waits = Array.from({ length: MOST_ATTEMPTS }, (_, n) => waitAfter(n + 1));
    expect(waits.slice(0, 8)).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600]);
    const hours = waits.slice(0, -1).reduce((sum, wait) => sum + wait) / 3600;
    expect(hours).toBeGreaterThan(4);
    expect(hours).toBeLessThan(8);
  });

  it.each([
    ['an unknown recipient', { code: 'EENVELOPE', command: 'RCPT TO', responseCode: 550 }, true],
    ['greylisting', { code: 'EENVELOPE', command: 'RCPT TO', responseCode: 450 }, false],
    ['a sender that is refused', { code: 'EENVELOPE', command: 'MAIL FROM', responseCode: 553 }, false],
    ['wrong credentials', { code: 'EAUTH', command: 'AUTH PLAIN', responseCode: 535 }, false],
    ['nobody there', { code: 'ECONNECTION', command: 'CONN' }, false],
  ])('after %s: final %j', (_, fields, final) => {
    expect(isFinal(refusal(fields))).toBe(final);
  });

  it('is told of without the address that a server repeats', () => {
    expect(describeFailure(refusal({ command: 'RCPT TO', responseCode: 550 }))).toBe(
      'the mail server answered 550 to RCPT TO',
    );
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:25'), { code: 'ESOCKET' });
    expect(describeFailure(refused)).toBe('ESOCKET: connect ECONNREFUSED 127.0.0.1:25');
    expect([describeFailure('odd'), isFinal(null)]).toEqual(['odd', false]);
  });
});
