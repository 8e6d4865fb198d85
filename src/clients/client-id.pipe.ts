import { Injectable, type PipeTransform } from '@nestjs/common';
import { notFound } from '../common/problem.js';
import { STORED_CLIENT_ID } from './client-id.js';

/** What can be no id names no client. */
@Injectable()
export class ClientIdPipe implements PipeTransform<string, string> {
  transform(clientId: string): string {
    if (!STORED_CLIENT_ID.test(clientId)) throw notFound('client');
    return clientId;
  }
}
