import { Injectable, type PipeTransform } from '@nestjs/common';
import { UUID } from '../common/pagination.js';
import { notFound } from '../common/problem.js';

/** What is no uuid names no secret. */
@Injectable()
export class SecretIdPipe implements PipeTransform<string, string> {
  transform(id: string): string {
    if (!UUID.test(id)) throw notFound('secret');
    return id;
  }
}
