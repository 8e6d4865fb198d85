import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** A page with what is to be pasted, in blocks marked `bash`, and what that prints, in those marked `text`. */
export interface Tour {
  blocks: string[];
  promised: string;
}

/** @param page its path below the root of the repository */
export function tourOn(page: string): Tour {
  const markdown = readFileSync(join(ROOT, page), 'utf8');
  const blocks = (language: 'bash' | 'text'): string[] => {
    const fences = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms');
    return [...markdown.matchAll(fences)].map(([, body = '']) => body);
  };
  return { blocks: blocks('bash'), promised: blocks('text').join('') };
}

/** Runs a script as if it were pasted in the root of the repository, with no environment but PATH, HOME and what is given. */
export function inBash(script: string, env: Record<string, string>): Promise<{ stdout: string; stderr: string }> {
  const { PATH = '', HOME = '' } = process.env;
  return promisify(execFile)('bash', ['-c', script], { cwd: ROOT, env: { PATH, HOME, ...env } });
}
