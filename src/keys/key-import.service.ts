import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Algorithm } from '@portcullis/verifier';
import type { DataSource, EntityManager } from 'typeorm';
import { violatedUnique } from '../common/database-errors.js';
import type { Actor } from '../common/principal.js';
import { conflict, invalidFields, notFound, type Problem } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { HmacKeys } from './hmac-keys.js';
import { importKey, importPublicKey, type ImportedKey, type ImportOptions } from './key-import.js';
import { KeyRefused } from './key-refused.js';
import { KeyRecords, lineOf, type KeyAffairs, type KeyMaterial } from './key-records.js';
import type { NamedKey } from './key-rotation.service.js';
import { activated, activeOf, newKey, retiring, type KeyLife, type KeyLine } from './key-transitions.js';

export interface KeyToImport extends ImportOptions {
  /**
   * Where its life begins. `pending`, as it is unless said otherwise: published now, signing when every verifier knows it, or at once where nothing signs.
   * `active`: signing at once, where nothing signs. `retiring`: given by its public half, for tokens of another issuer until they have expired.
   */
  state?: 'pending' | 'active' | 'retiring' | undefined;
  /** Of a `retiring` key, which only verifies: by its length it may be for another one. */
  algorithm?: Algorithm | undefined;
  /** For an HMAC secret, which signs at once in place of the one before. */
  audience?: string | undefined;
}

export type KeptKey = NamedKey & { algorithm: Algorithm };

type Asymmetric = Pick<KeyMaterial, 'privateKey'> & Pick<ImportedKey, 'kid' | 'algorithm' | 'publicJwk'>;

/** Takes keys over from elsewhere: from another issuer, or from a backup of one's own. */
@Injectable()
export class KeyImport {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly records: KeyRecords,
    private readonly hmacKeys: HmacKeys,
  ) {}

  /**
   * @param text PEM, JWK, or an HMAC secret in base64
   * @throws KeyRefused for material that is not taken, with the reason
   * @throws Problem 400 when audience or state do not fit the material, 404 for an unknown audience, 409 `key_exists` for a key that is here already, whatever
   *   has become of it, 409 `active_key_exists`
   */
  async import(text: string, { state, audience, algorithm, ...options }: KeyToImport, actor: Actor): Promise<KeptKey> {
    if (state === 'retiring') {
      const key = retiringKey(text, algorithm, options.pss);
      return this.keep({ ...key, privateKey: null }, state, audience, actor);
    }
    if (algorithm !== undefined) throw unfit('algorithm', 'follows from the key, unless it is to verify only');
    const key = await importKey(text, options);
    if (key.publicJwk === null) return this.keepSecret(key, state, audience, actor);
    return this.keep(key, state, audience, actor);
  }

  private async keep(
    key: Asymmetric,
    state: KeyToImport['state'],
    audience: string | undefined,
    actor: Actor,
  ): Promise<KeptKey> {
    if (audience !== undefined)
      throw unfit('audience', 'is for HMAC secrets; all audiences share the keys of other algorithms');
    const { kid, algorithm, publicJwk, privateKey } = key;
    return inTransaction(this.dataSource, async (manager) => {
      const affairs = await this.records.readToChange(manager);
      const line = await this.records.applyDue(manager, lineOf(affairs, algorithm, null), affairs);
      const life = beginning(state, line, kid, affairs);
      const after = await this.add(manager, line, life, { publicJwk, privateKey, origin: 'imported' }, actor);
      const { keys } = await this.records.applyDue(manager, after, affairs);
      return { kid, algorithm, state: keys.find((other) => other.kid === kid)?.state ?? life.state };
    });
  }

  private async add(
    manager: EntityManager,
    line: KeyLine,
    life: KeyLife,
    material: KeyMaterial,
    actor: Actor,
  ): Promise<KeyLine> {
    try {
      return await this.records.add(manager, line, life, material, actor);
    } catch (error) {
      if (violatedUnique(error) !== 'signing_keys_pkey') throw error;
      throw conflict(
        'key_exists',
        `The key ${life.kid} is here already, or was. GET /v1/keys/${life.kid} says what has become of it.`,
      );
    }
  }

  private async keepSecret(
    { algorithm, privateKey }: ImportedKey,
    state: KeyToImport['state'],
    audience: string | undefined,
    actor: Actor,
  ): Promise<KeptKey> {
    if (audience === undefined) throw unfit('audience', 'is needed: an HMAC secret belongs to one audience');
    if (state === 'pending') throw unfit('state', 'must be active for an HMAC secret, which is not published');
    return inTransaction(this.dataSource, async (manager) => {
      // The audience must not go, nor change its algorithm, before the commit. Its secret is part of what its entity tag stands for.
      const [[row]] = await manager.query<[{ algorithm: string }[], number]>(
        'UPDATE audiences SET updated_at = clock_timestamp() WHERE identifier = $1 RETURNING algorithm',
        [audience],
      );
      if (!row) throw notFound('audience');
      if (row.algorithm !== algorithm) {
        throw unfit(
          'audience',
          `has the algorithm ${row.algorithm}, but by its length this secret is for ${algorithm}`,
        );
      }
      const secret = {
        audience,
        algorithm: row.algorithm as Extract<Algorithm, `HS${string}`>,
        secret: privateKey.export(),
      };
      const { kid } = await this.hmacKeys.introduce(manager, { ...secret, origin: 'imported' }, actor);
      return { kid, algorithm, state: 'active' };
    });
  }
}

/** @throws KeyRefused */
function retiringKey(
  text: string,
  wanted: Algorithm | undefined,
  pss: boolean | undefined,
): Pick<ImportedKey, 'kid' | 'algorithm' | 'publicJwk'> {
  const { kid, algorithm, publicJwk } = importPublicKey(text, { pss, ...(wanted && { algorithms: [wanted] }) });
  if (wanted !== undefined && algorithm !== wanted)
    throw new KeyRefused('wrong_algorithm', `By its kind or by what its JWK says, this key is for ${algorithm}.`);
  return { kid, algorithm, publicJwk };
}

function beginning(state: KeyToImport['state'], line: KeyLine, kid: string, { now, policy }: KeyAffairs): KeyLife {
  const life = newKey(line, kid, now);
  switch (state) {
    case 'retiring':
      return retiring({ ...life, activatedAt: null, hasPrivateHalf: false }, line, now, policy);
    case 'active':
      if (!activeOf(line)) return activated(life, now);
      throw conflict(
        'active_key_exists',
        `A key for ${line.algorithm} signs already. Import this one as pending: it takes over when every verifier can know it.`,
      );
    case 'pending':
    case undefined:
      return life;
  }
}

const unfit = (field: string, message: string): Problem => invalidFields([{ field, message }]);
