import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import type { Actor } from '../common/principal.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import { UserRecords } from './user-records.js';
import { User } from './user.entity.js';

/** The person behind an account, as far as mails to them are concerned. */
export interface AccountHolder {
  id: string;
  username: string;
  displayName: string | null;
  email: string | null;
  emailVerified: boolean;
  active: boolean;
  hasPassword: boolean;
  sessionEpoch: string;
}

/** Locked until the transaction ends: a token that is issued to the holder belongs to this address and to these credentials, or to none. */
const holderWhere = (condition: string, lock = 'SHARE'): string => `
SELECT id, username, display_name AS "displayName", email, email_verified_at IS NOT NULL AS "emailVerified", status = 'active' AS active,
  password_hash IS NOT NULL AS "hasPassword", session_epoch AS "sessionEpoch"
FROM users WHERE ${condition} FOR ${lock}`;

@Injectable()
export class AccountHolders {
  constructor(
    private readonly records: UserRecords,
    private readonly permissions: PermissionsService,
  ) {}

  byId(manager: EntityManager, id: string): Promise<AccountHolder | null> {
    return this.find(manager, holderWhere('id = $1'), id);
  }

  /** The same, locked for this transaction alone. */
  hold(manager: EntityManager, id: string): Promise<AccountHolder | null> {
    return this.find(manager, holderWhere('id = $1', 'NO KEY UPDATE'), id);
  }

  /**
   * In any case, as at the login. What is mailed goes to the address as the account has it, never as somebody has typed it: so nobody is found by an
   * address that lower() alone makes the same, as it does with İ and i. Rows from before addresses were of ASCII may have such.
   */
  byEmail(manager: EntityManager, email: string): Promise<AccountHolder | null> {
    return this.find(
      manager,
      holderWhere('lower(email) = lower($1) AND octet_length(email) = char_length(email)'),
      email,
    );
  }

  /** Where mails about the account go at this moment; null where it has no address. */
  async addressOf(manager: EntityManager, id: string): Promise<string | null> {
    const [user] = await manager.query<{ email: string | null }[]>('SELECT email FROM users WHERE id = $1', [id]);
    return user?.email ?? null;
  }

  /**
   * The holder, once it is certain that this actor may have something done to the account.
   *
   * @throws Problem 403 when they hold permissions that the actor lacks, 404
   */
  async requireMayTouch(manager: EntityManager, actor: Actor, id: string): Promise<AccountHolder> {
    await this.records.lock(manager, id);
    await this.permissions.requireMayTouchUser(manager, actor, id);
    const holder = await this.byId(manager, id);
    if (!holder) throw new Error('a user whose row is locked was not found');
    return holder;
  }

  /** Whoever has the mails of this address has just used one. Nothing happens when it is not their address any more. @returns whether it is news */
  async confirmAddress(manager: EntityManager, id: string, email: string): Promise<boolean> {
    const [, confirmed] = await manager.query<[unknown[], number]>(
      'UPDATE users SET email_verified_at = clock_timestamp() WHERE id = $1 AND email = $2 AND email_verified_at IS NULL',
      [id, email],
    );
    return confirmed === 1;
  }

  /**
   * Gives the user an address that has just been proven.
   *
   * @returns the address before it; null when the credentials are not those of this epoch any more, and nothing was changed
   * @throws a violation of `users_email_key` when somebody else has it
   */
  async moveTo(
    manager: EntityManager,
    id: string,
    sessionEpoch: string,
    email: string,
  ): Promise<{ email: string | null } | null> {
    const before = await this.hold(manager, id);
    if (before?.sessionEpoch !== sessionEpoch) return null;
    await manager.query('UPDATE users SET email = $2, email_verified_at = clock_timestamp() WHERE id = $1', [
      id,
      email,
    ]);
    return before;
  }

  /**
   * Makes an account, without any role, for somebody who has proven this address.
   *
   * @returns its id
   * @throws a violation of `users_email_key` when somebody else has it
   */
  async create(
    manager: EntityManager,
    given: { username: string; email: string; displayName: string | null; passwordHash: string },
  ): Promise<string> {
    const id = uuidv7();
    await manager.insert(User, { id, ...given, emailVerifiedAt: () => 'clock_timestamp()' });
    return id;
  }

  private async find(manager: EntityManager, statement: string, value: string): Promise<AccountHolder | null> {
    const [holder] = await manager.query<AccountHolder[]>(statement, [value]);
    return holder ?? null;
  }
}
