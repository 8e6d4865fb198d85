import { Module } from '@nestjs/common';
import { AuditModule } from '../../audit/audit.module.js';
import { MailModule } from '../../mail/mail.module.js';
import { TokensModule } from '../../tokens/tokens.module.js';
import { UsersModule } from '../../users/users.module.js';
import { AuthModule } from '../auth.module.js';
import { MailsToUsersController } from './mails-to-users.controller.js';
import { MailsToUsers } from './mails-to-users.service.js';
import { PasswordLinksController } from './password-links.controller.js';
import { PasswordLinks } from './password-links.service.js';

/** What accounts need mails for: forgotten passwords and invitations. */
@Module({
  imports: [AuthModule, UsersModule, TokensModule, MailModule, AuditModule],
  controllers: [PasswordLinksController, MailsToUsersController],
  providers: [PasswordLinks, MailsToUsers],
})
export class AccountsModule {}
