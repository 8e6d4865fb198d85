import type { Type } from '@nestjs/common';
import { validationPipe } from '../common/validation.js';

/** What was given, checked by the same rules as over HTTP. Members that are undefined count as not given. @throws Problem 400 with a field list */
export async function checked<T extends object>(dto: Type<T>, given: Record<string, unknown>): Promise<T> {
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return (await validationPipe().transform(present, { type: 'body', metatype: dto })) as T;
}
