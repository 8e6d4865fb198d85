import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { ENV, type Env } from '../../../config/env.js';
import { Clock } from '../../common/clock.js';
import { MasterKey } from '../../common/master-key.js';
import { unwrapTotpSecret, wrapTotpSecret } from '../../common/totp-secret.js';
import { prepared } from '../../database/prepared.js';
import { GUESS_CEILING } from './guess-ceiling.js';
import type { Standing } from './login-step.js';
import { newRecoveryCodes, recoveryCodeHash } from './recovery-codes.js';
import { totpStepOf } from './totp.js';

export type FactorKind = 'totp' | 'passkey';

/** A factor as its owner sees it. */
export interface Factor {
  id: string;
  kind: FactorKind;
  name: string;
  createdAt: Date;
  lastUsedAt: Date | null;
  /** No code of it is heard. */
  locked: boolean;
}

export interface NewTotp {
  id: string;
  userId: string;
  name: string;
  /** As base32. */
  secret: string;
  /** The time step of the code that confirmed it. */
  step: number;
}

/** The factors that users have beside their passwords, and their use: each code once. */
@Injectable()
export class SecondFactors {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly masterKey: MasterKey,
    private readonly clock: Clock,
  ) {}

  /** Null when there is no such user. */
  async standingOf(userId: string): Promise<Standing | null> {
    const [row] = await prepared<Standing>(this.dataSource, this.env, 'factors_standing', STANDING, [userId]);
    return row ?? null;
  }

  /** The same in a transaction: with the user's row locked it holds until the commit. */
  async lockedStandingOf(manager: EntityManager, userId: string): Promise<Standing | null> {
    const [row] = await manager.query<Standing[]>(STANDING, [userId]);
    return row ?? null;
  }

  /**
   * Keeps the credentials as they are until the transaction ends: whoever disables the user, changes the password or a factor waits. False when that
   * has been done since they were proven.
   *
   * @param lock `SHARE` lets other logins of the user go on; to change factors takes `NO KEY UPDATE`
   */
  async holdCredentials(
    manager: EntityManager,
    { userId, sessionEpoch }: { userId: string; sessionEpoch: string },
    lock: 'SHARE' | 'NO KEY UPDATE',
  ): Promise<boolean> {
    // Where the number of sessions is limited, logins take turns by the stronger lock; two that held the weaker one would wait for each other.
    const taken = this.env.maxSessionsPerUser === null ? lock : 'NO KEY UPDATE';
    const held = await manager.query<unknown[]>(
      `SELECT FROM users WHERE id = $1 AND session_epoch = $2 AND status = 'active' FOR ${taken}`,
      [userId, sessionEpoch],
    );
    return held.length > 0;
  }

  /** The epoch that the transaction has brought the user's credentials to. */
  async epochOf(manager: EntityManager, userId: string): Promise<string> {
    const [row] = await manager.query<{ epoch: string }[]>('SELECT session_epoch AS epoch FROM users WHERE id = $1', [
      userId,
    ]);
    if (!row) throw new Error('the user whose credentials are held is gone');
    return row.epoch;
  }

  async listOf(userId: string): Promise<Factor[]> {
    return this.dataSource.query<Factor[]>(
      `SELECT id, 'totp' AS kind, name, created_at AS "createdAt", last_used_at AS "lastUsedAt",
         failures >= $2 AS locked FROM totp_factors
         WHERE user_id = $1
       UNION ALL
       SELECT id, 'passkey', name, created_at, last_used_at, false FROM passkeys WHERE user_id = $1 ORDER BY 1`,
      [userId, GUESS_CEILING],
    );
  }

  /**
   * Uses up the code of one of the user's authenticator apps, or says no. Of several who use one code at once one moves the app's last step on, and the
   * others find it there (RFC 6238 section 5.2).
   */
  async useTotp(manager: EntityManager, userId: string, code: string): Promise<boolean> {
    const factors = await manager.query<{ id: string; secret: Buffer }[]>(
      'SELECT id, secret FROM totp_factors WHERE user_id = $1 ORDER BY id',
      [userId],
    );
    const now = this.clock.now().getTime() / 1000;
    for (const { id, secret } of factors) {
      const step = totpStepOf(unwrapTotpSecret(this.masterKey, id, secret).toString(), code, now);
      if (step === null) continue;
      const [, moved] = await manager.query<[unknown[], number]>(
        'UPDATE totp_factors SET last_step = $2, last_used_at = clock_timestamp() WHERE id = $1 AND last_step < $2',
        [id, step],
      );
      if (moved > 0) return true;
    }
    return false;
  }

  /** Uses up a recovery code, or says no. */
  async useRecoveryCode(manager: EntityManager, userId: string, code: string): Promise<boolean> {
    const [, deleted] = await manager.query<[unknown[], number]>(
      'DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2',
      [userId, recoveryCodeHash(userId, code)],
    );
    return deleted > 0;
  }

  async addTotp(manager: EntityManager, { id, userId, name, secret, step }: NewTotp): Promise<void> {
    const wrapped = wrapTotpSecret(this.masterKey, id, Buffer.from(secret));
    await manager.query(
      `INSERT INTO totp_factors (id, user_id, name, secret, master_key_id, last_step) VALUES ($1, $2, $3, $4, $5, $6)`,
      [id, userId, name, wrapped, this.masterKey.id, step],
    );
  }

  /** Gives the user new recovery codes in place of those there were. This is the only time that anybody sees them. */
  async renewRecoveryCodes(manager: EntityManager, userId: string): Promise<string[]> {
    const codes = newRecoveryCodes();
    await manager.query('DELETE FROM recovery_codes WHERE user_id = $1', [userId]);
    await manager.query('INSERT INTO recovery_codes (user_id, hash) SELECT $1, unnest($2::bytea[])', [
      userId,
      codes.map((code) => recoveryCodeHash(userId, code)),
    ]);
    return codes;
  }

  /** Keeps everything about the user as it is until the transaction ends; false when there is no such user. */
  async lockUser(manager: EntityManager, userId: string): Promise<boolean> {
    const locked = await manager.query<unknown[]>('SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE', [userId]);
    return locked.length > 0;
  }

  /** @returns how many factors went; the recovery codes go with them */
  async removeAll(manager: EntityManager, userId: string): Promise<number> {
    await manager.query('DELETE FROM recovery_codes WHERE user_id = $1', [userId]);
    return this.deleteFactors(manager, 'user_id = $1', [userId]);
  }

  /** False when the user has no such factor. With the last one the recovery codes go. */
  async remove(manager: EntityManager, userId: string, id: string): Promise<boolean> {
    const deleted = await this.deleteFactors(manager, 'user_id = $1 AND id = $2', [userId, id]);
    await manager.query(
      `DELETE FROM recovery_codes WHERE user_id = $1 AND NOT EXISTS (
         SELECT 1 FROM totp_factors WHERE user_id = $1 UNION ALL SELECT 1 FROM passkeys WHERE user_id = $1)`,
      [userId],
    );
    return deleted > 0;
  }

  private async deleteFactors(manager: EntityManager, which: string, values: unknown[]): Promise<number> {
    let deleted = 0;
    for (const table of ['totp_factors', 'passkeys']) {
      const [, count] = await manager.query<[unknown[], number]>(`DELETE FROM ${table} WHERE ${which}`, values);
      deleted += count;
    }
    return deleted;
  }
}

const STANDING = `
SELECT u.must_change_password AS "mustChangePassword",
  ARRAY(SELECT r.role_name FROM user_roles r WHERE r.user_id = u.id ORDER BY 1) AS roles,
  (SELECT count(*)::integer FROM totp_factors f WHERE f.user_id = u.id) AS totp,
  (SELECT coalesce(max(f.failures), 0) FROM totp_factors f WHERE f.user_id = u.id) AS "totpGuesses",
  (SELECT count(*)::integer FROM passkeys p WHERE p.user_id = u.id) AS passkeys,
  (SELECT count(*)::integer FROM recovery_codes c WHERE c.user_id = u.id) AS "recoveryCodes"
FROM users u WHERE u.id = $1`;
