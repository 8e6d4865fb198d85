import type { LoggerService } from '@nestjs/common';
import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import type { Env } from '../../config/env.js';
import { inBackground } from './log-output.js';

/** The process's pino logger, for what does not belong to a request (those have `request.log`). */
export const LOGGER = Symbol('LOGGER');

const BASE = { service: 'portcullis' };

const SECRET_NAMES = new Set([
  'authorization',
  'cookie',
  'password',
  'currentPassword',
  'newPassword',
  'passwordHash',
  'secret',
  'clientSecret',
  'client_secret',
  'token',
  'accessToken',
  'access_token',
  'refreshToken',
  'refresh_token',
  'changeToken',
  'enrolmentToken',
  'setupToken',
  'mfa_token',
  'recoveryCodes',
  'masterKey',
  'masterKeyPrevious',
  'passphrase',
]);

/**
 * Structured logs with ISO times. Bodies and headers are never logged; should a secret still get into a log entry under one of its usual
 * names, it is struck out.
 */
export function createLogger(env: Pick<Env, 'logLevel'>, destination?: DestinationStream): Logger {
  return pino(
    {
      level: env.logLevel,
      base: BASE,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: (entry) => withoutSecrets(entry) },
      serializers: { err: describeError, req: describeRequest },
    },
    destination ?? inBackground(1, lossOf),
  );
}

function lossOf(lines: number): string {
  const time = new Date().toISOString();
  return `${JSON.stringify({ level: 'warn', time, ...BASE, lines, msg: 'log lines were lost, as they were not read in time' })}\n`;
}

/**
 * The entry with the values of all such names struck out, in nested plain objects too. Pino's own redaction with wildcards costs more than all
 * the rest of a request.
 */
function withoutSecrets(entry: Record<string, unknown>, depth = 0): Record<string, unknown> {
  let clean = entry;
  for (const name in entry) {
    const value = entry[name];
    const kept = SECRET_NAMES.has(name)
      ? '[redacted]'
      : isPlain(value) && depth < 4
        ? withoutSecrets(value, depth + 1)
        : value;
    if (kept === value) continue;
    if (clean === entry) clean = { ...entry };
    clean[name] = kept;
  }
  return clean;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}

interface LoggedError {
  type: string;
  message: string;
  code?: string;
  stack?: string;
  cause?: LoggedError;
}

/** An error without its other properties: a database error carries the query's parameters, hashes and secrets among them. */
export function describeError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { code } = error as { code?: unknown };
  return {
    type: error.constructor.name,
    message: error.message,
    ...(typeof code === 'string' && { code }),
    ...(error.stack !== undefined && { stack: error.stack }),
    ...(error.cause !== undefined && depth < 4 && { cause: describeError(error.cause, depth + 1) }),
  };
}

/** Neither headers nor the query: both may carry tokens. */
function describeRequest(request: { id?: unknown; method?: unknown; routeOptions?: { url?: unknown } }): object {
  return { id: request.id, method: request.method, route: request.routeOptions?.url };
}

/** Who speaks while Nest builds the application. It is of interest to whoever debugs that; errors are thrown as well. */
const CONSTRUCTION = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
  'ExceptionHandler',
]);

/** Nest's own messages, in the same log. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  private write(
    wanted: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace',
    message: unknown,
    rest: unknown[],
  ): void {
    const context = contextOf(rest);
    const level = context !== undefined && CONSTRUCTION.has(context) ? 'debug' : wanted;
    const fields = { context };
    if (message instanceof Error) this.logger[level]({ ...fields, err: message }, message.message);
    else if (typeof message === 'string') this.logger[level](fields, message);
    else this.logger[level]({ ...fields, details: message });
  }
}

/** Nest passes the name of the class that speaks as the last argument. */
function contextOf(rest: unknown[]): string | undefined {
  const last = rest.at(-1);
  return typeof last === 'string' ? last : undefined;
}
