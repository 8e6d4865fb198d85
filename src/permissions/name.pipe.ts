import type { PipeTransform } from '@nestjs/common';
import { notFound } from '../common/problem.js';
import { STORED_NAME } from './names.js';

/** What can be no name names nothing: Postgres would not even take a NUL to look for it. */
export class NamePipe implements PipeTransform<string, string> {
  constructor(private readonly what: 'role' | 'permission') {}

  transform(name: string): string {
    if (!STORED_NAME.test(name)) throw notFound(this.what);
    return name;
  }
}
