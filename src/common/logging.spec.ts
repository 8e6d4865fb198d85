import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { Logger } from 'pino';
import { NestLogger, createLogger, describeError } from './logging.js';

/** What is logged at `debug` and above while `work` runs. */
function logged(work: (logger: Logger) => void): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  work(createLogger({ logLevel: 'debug' }, sink));
  return lines;
}

describe('a log line', () => {
  it('has its level in words and its time in ISO form', () => {
    const [line] = logged((logger) => logger.warn('careful'));
    expect(line).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: 'portcullis',
      msg: 'careful',
    });
  });

  it('has secrets struck out, at whatever depth they usually are', () => {
    const lines = logged((logger) => {
      logger.info({ password: 'zzz', refresh_token: 'zzz', body: { newPassword: 'zzz', nested: { token: 'zzz' } } });
      logger.info({ headers: { authorization: 'Bearer zzz', cookie: 'zzz' } });
      logger.info({ tokens: [{ token: 'zzz' }, { token: 'zzz' }], a: { b: { c: { secret: 'zzz' } } } });
    });
    expect(lines[0]).toMatchObject({ password: '[redacted]', body: { nested: { token: '[redacted]' } } });
    expect(JSON.stringify(lines)).not.toContain('zzz');
  });

  it('leaves what it was given as it is', () => {
    const entry = { user: { name: 'ada', password: 'zzz' } };
    logged((logger) => logger.info(entry));
    expect(entry.user.password).toBe('zzz');
  });

  it('has neither headers nor address of a request', () => {
    const req = {
      id: 'r1',
      method: 'GET',
      url: '/a?token=zzz',
      headers: { 'x-api-key': 'zzz' },
      routeOptions: { url: '/a' },
    };
    expect(logged((logger) => logger.info({ req }))[0]).toMatchObject({
      req: { id: 'r1', method: 'GET', route: '/a' },
    });
    expect(JSON.stringify(logged((logger) => logger.info({ req })))).not.toContain('zzz');
  });
});

describe('a logged error', () => {
  it("has its cause, and nothing of a failed query's parameters", () => {
    const driver = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: 'Key (email)=(zzz) already exists.',
    });
    const failed = Object.assign(new Error('query failed', { cause: driver }), {
      parameters: ['zzz'],
      query: 'INSERT zzz',
    });
    const [line] = logged((logger) => logger.error({ err: failed }));
    expect(line).toMatchObject({
      err: { type: 'Error', message: 'query failed', cause: { message: 'duplicate key', code: '23505' } },
    });
    expect(JSON.stringify(line)).not.toContain('zzz');
  });

  it('may be anything, and may cause itself', () => {
    expect(describeError('oops')).toEqual({ type: 'string', message: 'oops' });
    const error: Error = new Error('round');
    error.cause = error;
    expect(JSON.stringify(describeError(error)).match(/"round"/g)).toHaveLength(5);
  });
});

describe("Nest's messages", () => {
  it('keep their level, and name who speaks', () => {
    const lines = logged((logger) => {
      const nest = new NestLogger(logger);
      nest.log('hello', 'SomeRoom');
      nest.warn('careful', 'SomeRoom');
      nest.error('broken', 'at stack (trace)', 'SomeRoom');
      nest.verbose('chatter', 'SomeRoom');
    });
    expect(lines.map(({ level, context, msg }) => [level, context, msg])).toEqual([
      ['info', 'SomeRoom', 'hello'],
      ['warn', 'SomeRoom', 'careful'],
      ['error', 'SomeRoom', 'broken'],
    ]);
  });

  it('about building the application are for debugging', () => {
    const lines = logged((logger) => {
      new NestLogger(logger).log('Mapped {/, GET} route', 'RouterExplorer');
      new NestLogger(logger).error(new Error('no such provider'), 'ExceptionHandler');
    });
    expect(lines).toMatchObject([{ level: 'debug' }, { level: 'debug', err: { message: 'no such provider' } }]);
  });
});
