import { Problem } from '../common/problem.js';
import { KeyRefused } from '../keys/key-refused.js';

export interface Failure {
  message: string;
  code?: string;
  errors?: { field: string; message: string }[];
}

/** What to tell of an error: a sentence, and what is wrong with each field. Never a stack. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof Problem) {
    const { errors } = error.extras;
    return { message: error.detail, code: error.code, ...(errors && { errors }) };
  }
  if (error instanceof KeyRefused) return { message: error.message, code: error.code };
  return { message: error instanceof Error ? error.message : String(error) };
}
