import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { sha256 } from '../common/secrets.js';
import { prepared } from '../database/prepared.js';
import { statesThat } from './lifecycle.js';
import type { JsonWebKeyRecord } from './signing-key.entity.js';

/** The set as it is sent: encoded once for all who ask. */
export interface EncodedJwks {
  body: string;
  etag: string;
}

interface PublishedKey {
  kid: string;
  algorithm: string;
  publicJwk: JsonWebKeyRecord;
}

const PUBLISHED = `
SELECT kid, algorithm, public_jwk AS "publicJwk" FROM signing_keys
WHERE state = ANY ($1) AND audience IS NULL AND public_jwk IS NOT NULL ORDER BY created_at, kid`;

/** The published keys (RFC 7517 section 5). Symmetric keys are never among them: they have no public half. */
@Injectable()
export class JwksService {
  private underWay: Promise<unknown> = Promise.resolve();
  private next: Promise<EncodedJwks> | null = null;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
  ) {}

  /**
   * As the table is after the call, so that no instance ever publishes a key that is revoked, or lacks one that signs already: whoever
   * asks because of an unknown kid may not ask again for a while. All who ask while a query is under way share the one after it.
   */
  current(): Promise<EncodedJwks> {
    this.next ??= this.readInTurn();
    return this.next;
  }

  private async readInTurn(): Promise<EncodedJwks> {
    await this.underWay.catch(() => undefined);
    this.next = null;
    const reading = this.read();
    this.underWay = reading;
    return reading;
  }

  private async read(): Promise<EncodedJwks> {
    const published = await prepared<PublishedKey>(this.dataSource, this.env, 'jwks', PUBLISHED, [
      statesThat('published'),
    ]);
    const keys = published.map(({ publicJwk, kid, algorithm }) => ({ ...publicJwk, kid, alg: algorithm, use: 'sig' }));
    const body = JSON.stringify({ keys });
    return { body, etag: `"${sha256(body).subarray(0, 16).toString('base64url')}"` };
  }
}
