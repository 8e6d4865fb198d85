import { closeSync, openSync, readSync } from 'node:fs';
import { CliError } from './cli-error.js';

/** Longest input that is read, in bytes. */
const MAX_INPUT = 1024 * 1024;
const STDIN = 0;

/** The text of a file; `-` is standard input. @throws CliError */
export function readInput(path: string): string {
  const name = path === '-' ? 'Standard input' : path;
  let bytes: Buffer;
  try {
    bytes = path === '-' ? readSome(STDIN) : readFile(path);
  } catch (error) {
    throw new CliError(`${name} cannot be read: ${(error as Error).message}`);
  }
  if (bytes.length > MAX_INPUT) throw new CliError(`${name} is too long.`);
  return bytes.toString('utf8');
}

function readFile(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    return readSome(file);
  } finally {
    closeSync(file);
  }
}

/** As much as may be, and one byte more: some files never end. */
function readSome(file: number): Buffer {
  const buffer = Buffer.alloc(MAX_INPUT + 1);
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(file, buffer, length, buffer.length - length, null);
    if (read === 0) break;
    length += read;
  }
  return buffer.subarray(0, length);
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
