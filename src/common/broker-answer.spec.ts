import { describe, expect, it } from '@jest/globals';
import { brokerAnswerOf, speaksMigratoryData } from './broker-answer.js';
import { Problem, invalidFields, invalidToken, tooManyRequests } from './problem.js';

describe('speaksMigratoryData', () => {
  it.each([
    ['/token/generate', true],
    ['/token/generate?a=/b', true],
    ['/token/generated', false],
    ['/token/generate/x', false],
    ['/oauth/token', false],
    ['/?/token/generate', false],
  ])('says of %s: %s', (url, expected) => {
    expect(speaksMigratoryData(url)).toBe(expected);
  });
});

describe('brokerAnswerOf', () => {
  it.each([
    [invalidToken('whatever it was'), 400, {}, 'Invalid username or password!'],
    [new Problem(415, 'unsupported_media_type', 'Not that type.'), 415, {}, 'Not that type.'],
    [tooManyRequests(7), 429, { 'retry-after': '7' }, 'Too many attempts. Try again later.'],
    [
      invalidFields([{ field: 'ttlSeconds', message: 'must not be more than 60' }]),
      400,
      {},
      'ttlSeconds must not be more than 60',
    ],
    [
      invalidFields([{ field: '', message: 'holds what cannot be stored' }]),
      400,
      {},
      'The request has fields that are not acceptable.',
    ],
  ])('puts %s into words', (problem, status, headers, response) => {
    expect(brokerAnswerOf(problem)).toEqual({ status, headers, body: { response } });
  });
});
