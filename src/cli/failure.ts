import { EnvError } from '../../config/env.js';
import { KeyRefused } from '../keys/key-refused.js';
import { CliError } from './cli-error.js';

export interface Failure {
  message: string;
  code?: string;
  errors?: { field: string; message: string }[];
}

/** What to tell of an error: a sentence, and what is wrong with each field. Never a stack. */
export async function describeFailure(error: unknown): Promise<Failure> {
  if (error instanceof CliError || error instanceof EnvError) return { message: error.message };
  if (error instanceof KeyRefused) return { message: error.message, code: error.code };
  // Only the service throws it, and loads what it is made of.
  const { Problem } = await import('../common/problem.js');
  if (error instanceof Problem) {
    const { errors } = error.extras;
    return { message: error.detail, code: error.code, ...(errors && { errors }) };
  }
  return { message: error instanceof Error ? error.message : String(error) };
}
