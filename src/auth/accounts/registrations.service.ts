import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { ENV, type Env } from '../../../config/env.js';
import { AuditService } from '../../audit/audit.service.js';
import { violatedUnique } from '../../common/database-errors.js';
import type { Actor } from '../../common/principal.js';
import { Problem, conflict, invalidFields } from '../../common/problem.js';
import { randomSecret, sha256 } from '../../common/secrets.js';
import { inTransaction } from '../../database/transaction.js';
import { isSendable } from '../../mail/mail-address.js';
import { inWords, mailLink } from '../../mail/mail-link.js';
import { MailQueue, type DueMail } from '../../mail/mail-queue.js';
import { MailWorker } from '../../mail/mail-worker.js';
import { MailWriters, type Letter } from '../../mail/mail-writers.js';
import { AccountHolders } from '../../users/account-holders.js';
import { PasswordHasher } from '../../users/password-hasher.js';
import { PasswordPolicy } from '../../users/password-policy.js';
import { LoginThrottle } from '../login-throttle.js';
import type { Caller } from '../password-check.js';
import type { CompleteRegistrationDto } from './accounts.dto.js';
import { AddressLetters } from './address-letters.js';
import { invalidLink } from './invalid-link.js';
import { mayRegister } from './registration-domains.js';

const KIND = 'registration';

/**
 * Accounts that people make for themselves. Until the address is proven there is no user, no name and no password, but a token: nobody can occupy the
 * address of somebody else, nor leave a password on the account that its owner will confirm.
 */
@Injectable()
export class Registrations {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly holders: AccountHolders,
    private readonly policy: PasswordPolicy,
    private readonly hasher: PasswordHasher,
    private readonly throttle: LoginThrottle,
    private readonly queue: MailQueue,
    private readonly worker: MailWorker,
    private readonly letters: AddressLetters,
    private readonly audit: AuditService,
    writers: MailWriters,
  ) {
    writers.register(KIND, (manager, due) => this.write(manager, due));
  }

  /**
   * Has a link mailed to the address, or, where it belongs to an account, a mail that says so. The same happens here in both cases.
   *
   * @throws Problem 400 for a domain that may not register, 403 `registration_off`, 429, 503
   */
  async register(email: string, actor: Actor): Promise<void> {
    this.requireOn();
    if (!this.isOpenTo(email))
      throw invalidFields([{ field: 'email', message: 'is not of a domain that may register here' }]);
    await this.throttle.admitMail('registration', email);
    await inTransaction(this.dataSource, (manager) => this.queue.add(manager, { kind: KIND, about: { email }, actor }));
    this.worker.wake();
  }

  /**
   * Makes the account. Its name is made up: if people chose theirs, this would tell which names there are.
   *
   * @throws Problem 400 `invalid_link` or for the password, 403 `registration_off`, 409 `email_taken` when somebody was quicker, 429, 503
   */
  async complete({ token, password, displayName = null }: CompleteRegistrationDto, caller: Caller): Promise<void> {
    this.requireOn();
    const { actor, signal } = caller;
    const username = `u${randomSecret(8)
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, '0')}`;
    const email = await this.addressOf(token);
    await this.policy.require(password, { username, email, displayName });
    const passwordHash = await this.hasher.hash(password, signal);
    try {
      await inTransaction(this.dataSource, async (manager) => {
        if (!(await this.consume(manager, token))) throw invalidLink();
        const id = await this.holders.create(manager, { username, email, displayName, passwordHash });
        const target = { type: 'user', id };
        await this.audit.record(manager, { action: 'user.registered', actor: { ...actor, type: 'user', id }, target });
      });
    } catch (error) {
      if (violatedUnique(error) !== 'users_email_key') throw error;
      // Told to nobody but whoever reads the mails of that address.
      throw conflict('email_taken', 'There is an account with this address by now.');
    }
  }

  private requireOn(): void {
    if (!this.env.registration.on)
      throw new Problem(403, 'registration_off', 'Accounts are made by administrators here.');
  }

  private isOpenTo(email: string): boolean {
    return mayRegister(email, this.env.registration.domains);
  }

  /** @throws Problem 400 `invalid_link` */
  private async addressOf(token: string): Promise<string> {
    const [found] = await this.dataSource.query<{ email: string }[]>(
      'SELECT email FROM registrations WHERE hash = $1 AND expires_at > clock_timestamp()',
      [sha256(token)],
    );
    if (!found || !isSendable(found.email) || !this.isOpenTo(found.email)) throw invalidLink();
    return found.email;
  }

  /** Of several who come with one token the others wait for the first, and then find it gone. */
  private async consume(manager: EntityManager, token: string): Promise<boolean> {
    const [, deleted] = await manager.query<[unknown[], number]>(
      'DELETE FROM registrations WHERE hash = $1 AND expires_at > clock_timestamp()',
      [sha256(token)],
    );
    return deleted === 1;
  }

  private async write(manager: EntityManager, { email }: DueMail): Promise<Letter | null> {
    if (email === null || !isSendable(email) || !this.env.registration.on) return null;
    const owner = await this.holders.byEmail(manager, email);
    if (owner) return this.letters.taken(owner);
    const ttlSeconds = this.env.linkTtl.verification;
    const token = `prr_${randomSecret()}`;
    await manager.query(
      `INSERT INTO registrations (hash, email, expires_at) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
       ON CONFLICT (lower(email)) DO UPDATE SET hash = excluded.hash, email = excluded.email,
         created_at = clock_timestamp(), expires_at = excluded.expires_at`,
      [sha256(token), email, ttlSeconds],
    );
    const link = mailLink(this.env.mail.pagesUrl, 'complete-registration', token);
    const values = { link, lifetime: inWords(ttlSeconds), issuer: this.env.issuer };
    return { to: email, userId: null, template: KIND, values };
  }
}
