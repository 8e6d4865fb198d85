import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { ENV, type Env } from '../../../config/env.js';
import { AuditService } from '../../audit/audit.service.js';
import type { Actor } from '../../common/principal.js';
import { inTransaction } from '../../database/transaction.js';
import { inWords, mailLink } from '../../mail/mail-link.js';
import { MailQueue, type DueMail } from '../../mail/mail-queue.js';
import { MailWorker } from '../../mail/mail-worker.js';
import { MailWriters, type Letter } from '../../mail/mail-writers.js';
import { SingleUseTokens, type Redeemed } from '../../tokens/single-use-tokens.js';
import { AccountHolders, type AccountHolder } from '../../users/account-holders.js';
import { PasswordHasher } from '../../users/password-hasher.js';
import { PasswordPolicy } from '../../users/password-policy.js';
import { SecurityNotices } from '../../users/security-notices.js';
import { UsersService } from '../../users/users.service.js';
import { LoginThrottle, accountKey, factorKey } from '../login-throttle.js';
import type { Caller } from '../password-check.js';
import type { PasswordByLinkDto } from './accounts.dto.js';
import { invalidLink } from './invalid-link.js';

/** What a link to set a password is for. */
export type PasswordLink = 'password-reset' | 'invitation';

const LINKS = {
  'password-reset': { page: 'reset-password', ttl: 'reset', done: 'password.reset' },
  invitation: { page: 'accept-invitation', ttl: 'invitation', done: 'invitation.accepted' },
} as const;

/** Everything of which a row is deleted when the address changes begins with `mail:` (migration `mail-flows`). */
const purposeOf = (link: PasswordLink): string => `mail:${link}`;

/** Passwords that are set by a link in a mail: forgotten ones, and the first ones of people who were invited. */
@Injectable()
export class PasswordLinks {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly holders: AccountHolders,
    private readonly users: UsersService,
    private readonly policy: PasswordPolicy,
    private readonly hasher: PasswordHasher,
    private readonly tokens: SingleUseTokens,
    private readonly throttle: LoginThrottle,
    private readonly queue: MailQueue,
    private readonly worker: MailWorker,
    private readonly notices: SecurityNotices,
    private readonly audit: AuditService,
    writers: MailWriters,
  ) {
    for (const link of Object.keys(LINKS) as PasswordLink[])
      writers.register(link, (manager, due) => this.write(link, manager, due));
  }

  /**
   * Has a link mailed to whoever has this address. Whether anybody does is found out when the mail is sent: what happens here is the same for all. An account
   * has no address but one that was proven or that an administrator has set, who may set the password as well: what users type is theirs once it is proven.
   *
   * @throws Problem 429, 503
   */
  async forgot(email: string, actor: Actor): Promise<void> {
    await this.throttle.admitMail('reset', email);
    await inTransaction(this.dataSource, (manager) =>
      this.queue.add(manager, { kind: 'password-reset', about: { email }, actor }),
    );
    this.worker.wake();
  }

  /**
   * Sets the password, which ends every session and token of the user, and proves the address. The token is used up together with that, or not at all.
   *
   * @throws Problem 400 `invalid_link` or for the password, 429, 503
   */
  async setPassword(link: PasswordLink, { token, newPassword }: PasswordByLinkDto, caller: Caller): Promise<void> {
    const holder = await this.holderOf(link, token);
    await this.policy.require(newPassword, holder, 'newPassword');
    // Outside of the transaction, since it takes long. Of many who come with one token, each computes a hash, and one stores it.
    const newHash = await this.hasher.hash(newPassword, caller.signal);
    await inTransaction(this.dataSource, (manager) =>
      this.redeem(manager, { link, token, newHash, actor: caller.actor }),
    );
    this.worker.wake();
    await this.forgetFailures(holder);
  }

  private async holderOf(link: PasswordLink, token: string): Promise<AccountHolder> {
    const { manager } = this.dataSource;
    const redeemed = await this.tokens.read(manager, purposeOf(link), token);
    const holder = redeemed && (await this.holders.byId(manager, redeemed.userId));
    if (!holder) throw invalidLink();
    return holder;
  }

  private async redeem(
    manager: EntityManager,
    { link, token, newHash, actor }: { link: PasswordLink; token: string; newHash: string; actor: Actor },
  ): Promise<void> {
    const redeemed = await this.tokens.consume(manager, purposeOf(link), token);
    if (!redeemed || !(await this.replacePassword(manager, redeemed, newHash))) throw invalidLink();
    const { userId, details } = redeemed;
    const who: Actor = { ...actor, type: 'user', id: userId };
    await this.holders.confirmAddress(manager, userId, String(details['email']));
    await this.audit.record(manager, { action: LINKS[link].done, actor: who, target: { type: 'user', id: userId } });
    if (link === 'password-reset') await this.notices.tell(manager, { notice: 'password-changed', userId, actor: who });
  }

  private async replacePassword(
    manager: EntityManager,
    { userId, sessionEpoch }: Redeemed,
    newHash: string,
  ): Promise<boolean> {
    return (await this.users.setPassword(manager, userId, sessionEpoch, newHash, { mustChange: false })) !== null;
  }

  /**
   * The failures were guesses at a password that is gone, or at a factor by whoever knew it. If they went on counting, whoever made them could keep the
   * owner out even now; and the guesser gains nothing, as only who reads the owner's mail comes here. What goes on counting is codes of apps, up to their
   * ceiling: mail is no second factor, and who reads it must not have guesses anew by each reset.
   */
  private async forgetFailures({ id, username, email }: AccountHolder): Promise<void> {
    const names = [{ username }, ...(email === null ? [] : [{ email }])];
    for (const key of [id, factorKey(id), ...names.map(accountKey)]) await this.throttle.forgetFailures(key);
    await this.throttle.forgetGuesses(id);
  }

  private async write(link: PasswordLink, manager: EntityManager, due: DueMail): Promise<Letter | null> {
    const holder = await this.recipient(manager, due);
    if (!holder?.active || holder.email === null || (link === 'invitation' && holder.hasPassword)) return null;
    const { id: userId, username, email, sessionEpoch } = holder;
    const { page, ttl } = LINKS[link];
    const ttlSeconds = this.env.linkTtl[ttl];
    const token = await this.tokens.issue(manager, {
      purpose: purposeOf(link),
      userId,
      sessionEpoch,
      details: { email },
      ttlSeconds,
    });
    const { pagesUrl } = this.env.mail;
    const values = {
      link: mailLink(pagesUrl, page, token),
      lifetime: inWords(ttlSeconds),
      username,
      issuer: this.env.issuer,
    };
    return { to: email, userId, template: link, values };
  }

  private recipient(manager: EntityManager, { userId, email }: DueMail): Promise<AccountHolder | null> {
    return userId === null ? this.holders.byEmail(manager, email ?? '') : this.holders.byId(manager, userId);
  }
}
