import { Injectable, type PipeTransform } from '@nestjs/common';
import { notFound } from '../common/problem.js';

/** Lenient: an audience may have been written in SQL. What holds a control character names nothing, and Postgres would not take a NUL. */
export const STORED_IDENTIFIER = /^\P{Cc}{1,200}$/u;

@Injectable()
export class AudiencePipe implements PipeTransform<string, string> {
  transform(identifier: string): string {
    if (!STORED_IDENTIFIER.test(identifier)) throw notFound('audience');
    return identifier;
  }
}
