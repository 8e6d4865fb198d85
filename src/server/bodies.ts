import { membersKept, membersWritten } from '@portcullis/verifier';
import type { FastifyInstance } from 'fastify';
import { parseForm } from '../common/form.js';
import { speaksOAuth } from '../common/oauth-error.js';
import { Problem } from '../common/problem.js';
import { hasUnpairedSurrogate } from './unpaired-surrogates.js';

const EMPTY = new Problem(400, 'bad_request', 'The body is empty. Send a JSON object, or no Content-Type.');
const NOT_JSON = new Problem(400, 'bad_request', 'The body is not valid JSON.');
const TOO_DEEP = new Problem(400, 'bad_request', 'The body is nested too deeply.');
const SAID_TWICE = new Problem(400, 'bad_request', 'The body has two members of one name in an object.');
const NOT_A_FORM = new Problem(
  400,
  'bad_request',
  'The body is not a form: its encoding is broken, or it is too long.',
);
const OTHER_TYPE = new Problem(415, 'unsupported_media_type', 'This address does not take bodies of that type.');
const NOT_UNICODE = new Problem(400, 'bad_request', 'The body holds text that is not Unicode: half a surrogate pair.');
const NOT_AN_OBJECT = new Problem(400, 'bad_request', 'The body must be a JSON object.');

/** Far more than any body here has, and far less than what validation can walk through. */
const DEEPEST = 32;

/** Bodies are JSON objects, and forms at the OAuth endpoints (RFC 6749 section 3.2). Other media types get 415. */
export function acceptBodies(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  acceptJsonObjects(fastify);
  acceptForms(fastify);
}

function acceptForms(fastify: FastifyInstance): void {
  const type = 'application/x-www-form-urlencoded';
  fastify.addContentTypeParser<string>(type, { parseAs: 'string' }, (request, body, done) => {
    if (!speaksOAuth(request.url)) {
      done(OTHER_TYPE);
      return;
    }
    const form = parseForm(body);
    if (form) done(null, form);
    else done(NOT_A_FORM);
  });
}

/**
 * A body that tries to replace a prototype is refused like broken JSON; and one that says something twice, because what looked at it on the way, a
 * gateway for one, may have taken the other (RFC 8259 section 4).
 */
function acceptJsonObjects(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (speaksOAuth(request.url)) {
      done(OTHER_TYPE);
      return;
    }
    if (body === '') {
      done(EMPTY);
      return;
    }
    const written = membersWritten(body, DEEPEST);
    if (written === undefined) {
      done(TOO_DEEP);
      return;
    }
    void parse(request, body, (error, value: unknown) => {
      if (error !== null) done(NOT_JSON);
      else if (typeof value !== 'object' || value === null || Array.isArray(value)) done(NOT_AN_OBJECT);
      else if (membersKept(value) < written) done(SAID_TWICE);
      else if (hasUnpairedSurrogate(body, value)) done(NOT_UNICODE);
      else done(null, value);
    });
  });
}
