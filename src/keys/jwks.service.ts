import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In, IsNull, type Repository } from 'typeorm';
import { sha256 } from '../common/secrets.js';
import { SigningKey } from './signing-key.entity.js';

/** The set as it is sent: encoded once for all who ask. */
export interface EncodedJwks {
  body: string;
  etag: string;
}

/** For how long one reading of the table serves (ms). */
const MAX_AGE = 1_000;

/** The published keys (RFC 7517 section 5). Symmetric keys are never among them: they have no public half. */
@Injectable()
export class JwksService {
  private encoded: Promise<EncodedJwks> | null = null;
  private readAt = -Infinity;

  constructor(@InjectRepository(SigningKey) private readonly keys: Repository<SigningKey>) {}

  current(): Promise<EncodedJwks> {
    if (this.encoded === null || performance.now() - this.readAt >= MAX_AGE) {
      this.readAt = performance.now();
      this.encoded = this.read();
      this.encoded.catch(() => {
        this.encoded = null;
      });
    }
    return this.encoded;
  }

  private async read(): Promise<EncodedJwks> {
    const published = await this.keys.find({
      select: { kid: true, algorithm: true, publicJwk: true },
      where: { state: In(['pending', 'active', 'retiring']), audience: IsNull() },
      order: { createdAt: 'ASC', kid: 'ASC' },
    });
    const keys = published.flatMap(({ kid, algorithm, publicJwk }) =>
      publicJwk ? [{ ...publicJwk, kid, alg: algorithm, use: 'sig' }] : [],
    );
    const body = JSON.stringify({ keys });
    return { body, etag: `"${sha256(body).subarray(0, 16).toString('base64url')}"` };
  }
}
