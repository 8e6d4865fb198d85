import type { PipeTransform } from '@nestjs/common';
import { notFound } from '../common/problem.js';

/** Ours are base64url; one that was brought along may be any text. */
export const KID = /^\P{Cc}{1,200}$/u;

/** What can be no kid names nothing: Postgres would not even take a NUL to look for it. */
export class KidPipe implements PipeTransform<string, string> {
  transform(kid: string): string {
    if (!KID.test(kid)) throw notFound('key');
    return kid;
  }
}
