import type { FastifyInstance } from 'fastify';
import { Problem } from '../common/problem.js';
import { nestsDeeperThan } from './nesting.js';

const EMPTY = new Problem(400, 'bad_request', 'The body is empty. Send a JSON object, or no Content-Type.');
const NOT_JSON = new Problem(400, 'bad_request', 'The body is not valid JSON.');
const TOO_DEEP = new Problem(400, 'bad_request', 'The body is nested too deeply.');
const NOT_AN_OBJECT = new Problem(400, 'bad_request', 'The body must be a JSON object.');

/** Far more than any body here has, and far less than what validation can walk through. */
const DEEPEST = 32;

/** Bodies are JSON objects. Other media types get 415, and a body that tries to replace a prototype is refused like broken JSON. */
export function acceptOnlyJsonObjects(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') {
      done(EMPTY);
      return;
    }
    if (nestsDeeperThan(DEEPEST, body)) {
      done(TOO_DEEP);
      return;
    }
    void parse(request, body, (error, value: unknown) => {
      if (error !== null) done(NOT_JSON);
      else if (typeof value !== 'object' || value === null || Array.isArray(value)) done(NOT_AN_OBJECT);
      else done(null, value);
    });
  });
}
