interface DatabaseError {
  code?: unknown;
  constraint?: unknown;
  hint?: unknown;
  driverError?: DatabaseError;
}

function sqlState(error: unknown): string {
  const { code, driverError } = (error ?? {}) as DatabaseError;
  const state = driverError?.code ?? code;
  return typeof state === 'string' ? state : '';
}

/** The unique constraint or index that an insert or update ran into (SQLSTATE 23505), else null. */
export function violatedUnique(error: unknown): string | null {
  return sqlState(error) === '23505' ? constraintOf(error) : null;
}

/** The foreign key that a write ran into (SQLSTATE 23503), else null. */
export function violatedForeignKey(error: unknown): string | null {
  return sqlState(error) === '23503' ? constraintOf(error) : null;
}

function constraintOf(error: unknown): string {
  const { constraint, driverError } = error as DatabaseError;
  const name = driverError?.constraint ?? constraint;
  return typeof name === 'string' ? name : '';
}

/** The hint of an error, which is where triggers of ours tell apart what has one constraint. */
export function hintOf(error: unknown): string | null {
  const { hint, driverError } = (error ?? {}) as DatabaseError;
  const given = driverError?.hint ?? hint;
  return typeof given === 'string' ? given : null;
}

/** Class 22: a value that Postgres cannot take, such as text with a NUL character. */
export function isDataException(error: unknown): boolean {
  return /^22[0-9A-Z]{3}$/.test(sqlState(error));
}

/** Serialisation failure or deadlock: the same transaction, run again, is expected to succeed. */
export function isRetryable(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlState(error));
}

/** A lock was not to be had in the time given for it (`lock_timeout`), or a deadlock over it was broken off. */
export function isLockTaken(error: unknown): boolean {
  return ['55P03', '40P01'].includes(sqlState(error));
}

/**
 * What says that the server is in trouble, and not the request. By the classes of Postgres: connection (08), insufficient resources (53: disk
 * full, too many connections), operator intervention (57: shut down, starting, statement timeout), system error (58) and internal error (XX, which
 * is also what a file system over its quota gives); a database that takes no writes; a transaction that waited for us too long.
 */
const TROUBLED = /^(08|53|57|58|XX)|^(25006|25P03)$/;

const SOCKET_ERRORS = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT']);

/** From TypeORM, when the connection broke between two statements of a transaction. */
const RELEASED = new Set(['QueryRunnerAlreadyReleasedError', 'QueryRunnerProviderAlreadyReleasedError']);

/** The database is away, restarting, full, read-only, out of connections or broken. */
export function isConnectionLoss(error: unknown): boolean {
  const state = sqlState(error);
  if (TROUBLED.test(state) || SOCKET_ERRORS.has(state)) return true;
  if (!(error instanceof Error)) return false;
  return RELEASED.has(error.name) || LOST.test(error.message);
}

const LOST =
  /connection terminated|timeout exceeded when trying to connect|query read timeout|client has encountered a connection error|not queryable/i;
