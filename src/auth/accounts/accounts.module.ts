import { Module } from '@nestjs/common';
import { AuditModule } from '../../audit/audit.module.js';
import { MailModule } from '../../mail/mail.module.js';
import { SessionsModule } from '../../sessions/sessions.module.js';
import { TokensModule } from '../../tokens/tokens.module.js';
import { UsersModule } from '../../users/users.module.js';
import { ExpiredRows } from '../../database/expired-rows.js';
import { AuthModule } from '../auth.module.js';
import { AddressLetters } from './address-letters.js';
import { AddressesController } from './addresses.controller.js';
import { Addresses } from './addresses.service.js';
import { MailsToUsersController } from './mails-to-users.controller.js';
import { MailsToUsers } from './mails-to-users.service.js';
import { PasswordLinksController } from './password-links.controller.js';
import { PasswordLinks } from './password-links.service.js';
import { RegistrationsController } from './registrations.controller.js';
import { Registrations } from './registrations.service.js';

/** What accounts need mails for: forgotten passwords, invitations, addresses that are to be proven, registrations. */
@Module({
  imports: [AuthModule, UsersModule, SessionsModule, TokensModule, MailModule, AuditModule],
  controllers: [PasswordLinksController, AddressesController, RegistrationsController, MailsToUsersController],
  providers: [PasswordLinks, Addresses, AddressLetters, Registrations, MailsToUsers],
})
export class AccountsModule {
  constructor(expired: ExpiredRows) {
    expired.deleteFrom('registrations', '1 day');
  }
}
