import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { prepared } from '../database/prepared.js';
import { inTransaction } from '../database/transaction.js';
import { foldName } from './folded-name.js';
import { UserRecords, type UserWithRoles } from './user-records.js';
import type { UserStatus } from './user.entity.js';

/** What a password is checked against, and the moment (`asOf`, `sessionEpoch`) that a session begun with it belongs to. */
export interface Credentials {
  /** The validity clock when this was read. */
  asOf: string;
  id: string;
  username: string;
  email: string | null;
  displayName: string | null;
  status: UserStatus;
  /** Null: no password matches. */
  passwordHash: string | null;
  mustChangePassword: boolean;
  sessionEpoch: string;
}

/** `username` may hold an e-mail address: usernames contain no `@`. */
export type CredentialsKey = { username: string } | { email: string } | { id: string };

/** One statement: the clock, the hash and the epoch belong together only when one snapshot shows them all. */
const credentialsWhere = (condition: string): string => `
SELECT (SELECT seq FROM validity_clock) AS "asOf", u.id, u.username, u.email, u.display_name AS "displayName", u.status,
  u.password_hash AS "passwordHash",
  u.must_change_password AS "mustChangePassword", u.session_epoch AS "sessionEpoch"
FROM users u WHERE ${condition}`;

/** By what `foldName` makes of a name. Addresses: see `AccountHolders.byEmail`. */
const STATEMENTS = {
  username: credentialsWhere('lower(u.username) = $1'),
  email: credentialsWhere('lower(u.email) = $1 AND octet_length(u.email) = char_length(u.email)'),
  id: credentialsWhere('u.id = $1'),
};

/** What other rooms may ask of users, and do to their passwords. */
@Injectable()
export class UsersService {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly records: UserRecords,
  ) {}

  async credentialsFor(key: CredentialsKey): Promise<Credentials | null> {
    const [by, value] = statementFor(key);
    const name = `users.credentials.${by}`;
    const [found] = await prepared<Credentials>(this.dataSource, this.env, name, STATEMENTS[by], [value]);
    return found ?? null;
  }

  /** Stores a stronger hash of the same password, unless the password changed meanwhile. No session or token ends. */
  async rehash(userId: string, oldHash: string, newHash: string): Promise<void> {
    await inTransaction(this.dataSource, async (manager) => {
      await manager.query(`SET LOCAL portcullis.rehash = 'on'`);
      await manager.query('UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2', [
        userId,
        oldHash,
        newHash,
      ]);
    });
  }

  /**
   * Ends every session and token of the user.
   *
   * @param expectedEpoch the epoch that was read together with the proof of who asks
   * @returns the new epoch; null when the user was disabled, deleted or given other credentials since then, and nothing was changed
   */
  async setPassword(
    manager: EntityManager,
    userId: string,
    expectedEpoch: string,
    newHash: string,
    { mustChange }: { mustChange: boolean },
  ): Promise<string | null> {
    const [updated] = await manager.query<[{ epoch: string }[], number]>(
      `UPDATE users SET password_hash = $3, must_change_password = $4 WHERE id = $1 AND session_epoch = $2
       RETURNING session_epoch AS epoch`,
      [userId, expectedEpoch, newHash, mustChange],
    );
    return updated[0]?.epoch ?? null;
  }

  /** @throws Problem 404 */
  profile(id: string): Promise<UserWithRoles> {
    return this.records.read(this.dataSource.manager, id);
  }
}

function statementFor(key: CredentialsKey): [keyof typeof STATEMENTS, string] {
  if ('id' in key) return ['id', key.id];
  if ('email' in key) return ['email', foldName(key.email)];
  return [key.username.includes('@') ? 'email' : 'username', foldName(key.username)];
}
