import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { violatedUnique } from '../../common/database-errors.js';
import type { Actor } from '../../common/principal.js';
import { conflict, invalidToken } from '../../common/problem.js';
import { inTransaction } from '../../database/transaction.js';
import { isSendable } from '../../mail/mail-address.js';
import { MailQueue } from '../../mail/mail-queue.js';
import { MailWorker } from '../../mail/mail-worker.js';
import { ADDRESS_CHANGE, allSessionsExpiredSince } from '../../sessions/pending-address-change.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import { SingleUseTokens, type Redeemed } from '../../tokens/single-use-tokens.js';
import { AccountHolders } from '../../users/account-holders.js';
import { SecurityNotices } from '../../users/security-notices.js';
import { CurrentPassword } from '../current-password.js';
import { LoginThrottle } from '../login-throttle.js';
import { invalidCredentials, type Caller } from '../password-check.js';
import type { ChangeAddressDto } from './accounts.dto.js';
import { VERIFICATION_PURPOSE } from './address-letters.js';
import { invalidLink } from './invalid-link.js';

/** Proving that an address is one's own, and moving to another one. */
@Injectable()
export class Addresses {
  constructor(
    private readonly dataSource: DataSource,
    private readonly holders: AccountHolders,
    private readonly currentPassword: CurrentPassword,
    private readonly sessions: SessionsService,
    private readonly tokens: SingleUseTokens,
    private readonly throttle: LoginThrottle,
    private readonly queue: MailQueue,
    private readonly worker: MailWorker,
    private readonly notices: SecurityNotices,
    private readonly audit: AuditService,
  ) {}

  /**
   * Has a link mailed to whoever has this address and has not proven it. The same happens whether or not anybody has.
   *
   * @throws Problem 429, 503
   */
  async resend(email: string, actor: Actor): Promise<void> {
    await this.throttle.admitMail('verification', email);
    await inTransaction(this.dataSource, (manager) =>
      this.queue.add(manager, { kind: 'email-verification', about: { email }, actor }),
    );
    this.worker.wake();
  }

  /**
   * Has a link mailed to the new address, which takes effect when it is used, and tells the present one. That the address is somebody else's shows
   * neither here nor by the time that this takes.
   *
   * @throws Problem 401 `invalid_credentials` or `invalid_token`, 429, 503
   */
  async requestChange(userId: string, { newEmail, currentPassword }: ChangeAddressDto, caller: Caller): Promise<void> {
    const { actor } = caller;
    const { sessionEpoch, asOf, email } = await this.currentPassword.prove(
      userId,
      currentPassword,
      caller,
      'email.change_failed',
    );
    await this.throttle.admitMail('changes-of', userId);
    await this.throttle.admitMail('change', newEmail);
    await inTransaction(this.dataSource, async (manager) => {
      if (!(await this.holders.hold(manager, userId))) throw invalidCredentials();
      // It may have ended while the password was checked, and who ends all sessions calls off what waits then.
      const live = actor.sessionId !== null && (await this.sessions.holdLive(manager, actor.sessionId));
      if (!live) throw invalidToken('The session has ended.');
      const details = { newEmail, sessionEpoch, asOf };
      await this.queue.add(manager, { kind: ADDRESS_CHANGE.kind, about: { userId }, details, actor });
      await this.notices.tell(manager, { notice: 'email-change-notice', userId, actor, to: email });
      await this.audit.record(manager, {
        action: 'email.change_requested',
        actor,
        target: { type: 'user', id: userId },
      });
    });
    this.worker.wake();
  }

  /**
   * Redeems the link in a mail to a present or to a new address.
   *
   * @throws Problem 400 `invalid_link`, 409 `email_taken` when somebody else has confirmed the same address meanwhile, 429
   */
  async confirm(token: string, actor: Actor): Promise<void> {
    try {
      await inTransaction(this.dataSource, (manager) => this.redeem(manager, token, actor));
    } catch (error) {
      if (violatedUnique(error) !== 'users_email_key') throw error;
      // Told to nobody but whoever reads the mails of that address.
      throw conflict('email_taken', 'This address belongs to another account by now.');
    }
    this.worker.wake();
  }

  private async redeem(manager: EntityManager, token: string, actor: Actor): Promise<void> {
    const proven = await this.tokens.consume(manager, VERIFICATION_PURPOSE, token);
    const moved = proven ? null : await this.consumeChange(manager, token);
    const redeemed = proven ?? moved;
    if (!redeemed) throw invalidLink();
    const { userId } = redeemed;
    const who: Actor = { ...actor, type: 'user', id: userId };
    if (proven) await this.holders.confirmAddress(manager, userId, String(proven.details['email']));
    if (moved) await this.move(manager, moved, who);
    const action = proven ? 'email.verified' : 'email.changed';
    await this.audit.record(manager, { action, actor: who, target: { type: 'user', id: userId } });
  }

  /** With the user's row locked before the token, as by everybody who calls a change off. */
  private async consumeChange(manager: EntityManager, token: string): Promise<Redeemed | null> {
    const asked = await this.tokens.read(manager, ADDRESS_CHANGE.purpose, token);
    if (!asked || !(await this.holders.hold(manager, asked.userId))) return null;
    if (await allSessionsExpiredSince(manager, asked.userId, asked.details['asOf'])) return null;
    return this.tokens.consume(manager, ADDRESS_CHANGE.purpose, token);
  }

  private async move(manager: EntityManager, { userId, sessionEpoch, details }: Redeemed, who: Actor): Promise<void> {
    const email = String(details['email']);
    if (!isSendable(email)) throw invalidLink();
    const before = await this.holders.moveTo(manager, userId, sessionEpoch, email);
    if (before === null) throw invalidLink();
    await this.notices.tell(manager, { notice: 'email-changed', userId, actor: who, to: before.email });
  }
}
