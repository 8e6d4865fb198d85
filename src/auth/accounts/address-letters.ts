import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ENV, type Env } from '../../../config/env.js';
import { isSendable } from '../../mail/mail-address.js';
import { inWords, mailLink } from '../../mail/mail-link.js';
import { MailQueue, type DueMail } from '../../mail/mail-queue.js';
import { MailWriters, type Letter } from '../../mail/mail-writers.js';
import { ADDRESS_CHANGE, allSessionsExpiredSince } from '../../sessions/pending-address-change.js';
import { SingleUseTokens } from '../../tokens/single-use-tokens.js';
import { AccountHolders, type AccountHolder } from '../../users/account-holders.js';

/** Everything of which a row is deleted when the address changes begins with `mail:` (migration `mail-flows`). */
export const VERIFICATION_PURPOSE = 'mail:email-verification';

/** Writes the mails about addresses. None of them has a word in it that somebody else may have chosen. */
@Injectable()
export class AddressLetters {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly holders: AccountHolders,
    private readonly tokens: SingleUseTokens,
    private readonly queue: MailQueue,
    writers: MailWriters,
  ) {
    writers.register('email-verification', (manager, due) => this.verification(manager, due));
    writers.register(ADDRESS_CHANGE.kind, (manager, due) => this.change(manager, due));
  }

  private async verification(manager: EntityManager, { email }: DueMail): Promise<Letter | null> {
    const holder = email === null ? null : await this.holders.byEmail(manager, email);
    if (!holder?.active || holder.email === null || holder.emailVerified) return null;
    const values = await this.link(manager, VERIFICATION_PURPOSE, holder, { email: holder.email });
    return { to: holder.email, userId: holder.id, template: 'email-verification', values };
  }

  private async change(manager: EntityManager, due: DueMail): Promise<Letter | null> {
    const { userId, details } = due;
    const { asOf } = details;
    const to = String(details['newEmail']);
    const holder = userId === null ? null : await this.holders.hold(manager, userId);
    // The credentials are those that the password was asked for under, or there is nobody to write to.
    if (!holder?.active || holder.sessionEpoch !== details['sessionEpoch'] || !isSendable(to)) return null;
    // Whoever ends all sessions of a user calls this off.
    if (!(await this.queue.stands(manager, due)) || (await allSessionsExpiredSince(manager, holder.id, asOf)))
      return null;
    // In any case: it calls off an earlier change, and whether it did would tell whether the address is anybody's.
    const values = await this.link(manager, ADDRESS_CHANGE.purpose, holder, { email: to, asOf });
    const owner = await this.holders.byEmail(manager, to);
    if (owner && owner.id !== holder.id) return this.taken(owner);
    return { to, userId: holder.id, template: 'email-change', values };
  }

  /** What the owner of an address hears when somebody else wants it; whoever wants it hears the same as ever. */
  taken({ id, email, active }: AccountHolder): Letter | null {
    if (!active || email === null) return null;
    return { to: email, userId: id, template: 'address-taken', values: { issuer: this.env.issuer } };
  }

  private async link(
    manager: EntityManager,
    purpose: string,
    { id: userId, sessionEpoch }: AccountHolder,
    details: { email: string; asOf?: unknown },
  ): Promise<Record<'link' | 'lifetime' | 'issuer', string>> {
    const ttlSeconds = this.env.linkTtl.verification;
    const token = await this.tokens.issue(manager, { purpose, userId, sessionEpoch, details, ttlSeconds });
    const link = mailLink(this.env.mail.pagesUrl, 'verify-email', token);
    return { link, lifetime: inWords(ttlSeconds), issuer: this.env.issuer };
  }
}
