import { createHash } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { ENV, type Env } from '../../config/env.js';

/** Milliseconds. A person waits for it. */
const TIMEOUT = 2_000;
/** Bytes. A range has about a thousand lines of 40. */
const LONGEST_ANSWER = 512 * 1024;

/**
 * Asks a service that knows the passwords of breaches, in the form of Have I Been Pwned's range search: of the password's SHA-1 it is told the first
 * 5 of 40 hexadecimal digits, and what it answers is searched here. Off unless its URL is configured. A service that does not answer stops nobody
 * from setting a password; the log says so, without anything of the password.
 */
@Injectable()
export class BreachedPasswords {
  private readonly logger = new Logger(BreachedPasswords.name);
  private readonly url: string | null;

  constructor(@Inject(ENV) { breachedPasswordsUrl }: Pick<Env, 'breachedPasswordsUrl'>) {
    this.url = breachedPasswordsUrl?.replace(/\/+$/, '') ?? null;
  }

  /** @param password normalised */
  async includes(password: string): Promise<boolean> {
    if (this.url === null) return false;
    const hash = createHash('sha1').update(password).digest('hex').toUpperCase();
    try {
      return hasSuffix(await rangeOf(`${this.url}/${hash.slice(0, 5)}`), hash.slice(5));
    } catch (error) {
      this.logger.warn(`a password was not looked up among those of breaches: ${reasonOf(error)}`);
      return false;
    }
  }
}

async function rangeOf(url: string): Promise<string> {
  const answer = await fetch(url, {
    // With padding, the length of the answer does not tell an onlooker which range it is.
    headers: { 'Add-Padding': 'true', 'User-Agent': 'Portcullis' },
    signal: AbortSignal.timeout(TIMEOUT),
    redirect: 'error',
  });
  if (!answer.ok || answer.body === null) throw new Error(`the service answered ${answer.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > LONGEST_ANSWER) throw new Error('the answer of the service is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('latin1');
}

/** Lines are `SUFFIX:COUNT`; padding has a count of 0. */
export function hasSuffix(range: string, suffix: string): boolean {
  return range.split(/\r?\n/).some((line) => {
    const [known = '', count = ''] = line.split(':');
    return known.toUpperCase() === suffix && Number(count) > 0;
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the request failed';
  const { cause } = error;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.message;
}
