interface DatabaseError {
  code?: unknown;
  constraint?: unknown;
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

/** Class 22: a value that Postgres cannot take, such as text with a NUL character. */
export function isDataException(error: unknown): boolean {
  return /^22[0-9A-Z]{3}$/.test(sqlState(error));
}

/** Serialisation failure or deadlock: the same transaction, run again, is expected to succeed. */
export function isRetryable(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlState(error));
}

const LOSSES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '57014',
  '53100',
  '25006',
]);

/** The database is away, restarting, full, read-only or out of connections. */
export function isConnectionLoss(error: unknown): boolean {
  if (LOSSES.has(sqlState(error)) || sqlState(error).startsWith('08')) return true;
  const message = error instanceof Error ? error.message : '';
  return /connection terminated|timeout exceeded when trying to connect|query read timeout|client has encountered a connection error|not queryable/i.test(
    message,
  );
}
