import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Actor } from '../common/principal.js';
import { invalidFields, type Problem } from '../common/problem.js';
import { KeyRefused } from '../keys/key-refused.js';
import { KeysService } from '../keys/keys.service.js';
import { secretOfText } from '../keys/secret-text.js';
import { assertStrongSecret } from '../keys/weak-secrets.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import { isHmac, SECRET_BYTES, type AudienceAlgorithm, type HmacAlgorithm } from './audience-algorithms.js';

/** A secret that an audience is about to get. */
export interface NewSecret {
  algorithm: HmacAlgorithm;
  bytes: Buffer;
  origin: 'generated' | 'imported';
}

/**
 * The secrets of audiences with an HMAC algorithm. Whoever knows one can write any token for that audience, about anybody and with any
 * permission; and to make or give one is to know it. So that takes every permission there is.
 */
@Injectable()
export class AudienceSecrets {
  constructor(
    private readonly permissions: PermissionsService,
    private readonly keys: KeysService,
  ) {}

  /**
   * The secret that the algorithm asks for: the one given, else a new one; null for an algorithm without.
   *
   * @param given as text, in base64 or base64url
   * @throws Problem 400 for a secret that is unfit or that the algorithm has no use for, 403 when the actor lacks a permission
   */
  choose(actor: Actor, identifier: string, algorithm: HmacAlgorithm, given: string | undefined): NewSecret;
  choose(actor: Actor, identifier: string, algorithm: AudienceAlgorithm, given: string | undefined): NewSecret | null;
  choose(actor: Actor, identifier: string, algorithm: AudienceAlgorithm, given: string | undefined): NewSecret | null {
    if (!isHmac(algorithm)) {
      if (given !== undefined) throw unfit('is for HS256, HS384 and HS512; this algorithm has a key that all share');
      return null;
    }
    this.permissions.requireAdministrator(
      actor,
      { type: 'audience', id: identifier },
      'Whoever knows the secret of an audience can write any token for it. That takes every permission.',
    );
    if (given === undefined) return { algorithm, bytes: randomBytes(SECRET_BYTES[algorithm]), origin: 'generated' };
    return { algorithm, bytes: fitSecret(given, algorithm), origin: 'imported' };
  }

  /** Of a secret before, tokens stay good until they have run out. */
  async introduce(
    manager: EntityManager,
    actor: Actor,
    audience: string,
    { algorithm, bytes, origin }: NewSecret,
  ): Promise<void> {
    await this.keys.introduceSecret(manager, { audience, algorithm, secret: bytes, origin }, actor);
  }
}

const unfit = (message: string): Problem => invalidFields([{ field: 'secret', message }]);

function fitSecret(text: string, algorithm: HmacAlgorithm): Buffer {
  const length = SECRET_BYTES[algorithm];
  try {
    const bytes = secretOfText(text);
    if (bytes.length !== length) {
      throw unfit(`has ${bytes.length.toString()} bytes; ${algorithm} takes ${length.toString()}`);
    }
    assertStrongSecret(bytes);
    return bytes;
  } catch (error) {
    throw error instanceof KeyRefused ? unfit(error.message) : error;
  }
}
