import { readFileSync } from 'node:fs';
import { CliError } from './cli-error.js';

/** Longest input that is read, in characters. */
const MAX_INPUT = 1024 * 1024;

/** The text of a file; `-` is standard input. @throws CliError */
export function readInput(path: string): string {
  let text: string;
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new CliError(`${path === '-' ? 'Standard input' : path} cannot be read: ${(error as Error).message}`);
  }
  if (text.length > MAX_INPUT) throw new CliError(`${path} is too long.`);
  return text;
}

/** A password, passphrase or secret: one line, given by a file so that it stands in no process list and no shell history. @throws CliError */
export function readSecret(path: string): string {
  const secret = readInput(path).replace(/\r?\n$/, '');
  if (secret === '') throw new CliError(`${path === '-' ? 'Standard input' : path} is empty.`);
  return secret;
}

/** A JSON object. @throws CliError */
export function readJson(path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readInput(path));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`${path} is no JSON.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CliError(`${path} is no JSON object.`);
  return value as Record<string, unknown>;
}
