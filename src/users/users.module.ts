import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { ExpiredRows } from '../database/expired-rows.js';
import { MailModule } from '../mail/mail.module.js';
import { PermissionsModule } from '../permissions/permissions.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { AccountHolders } from './account-holders.js';
import { BreachedPasswords } from './breached-passwords.js';
import { NameQuarantine } from './name-quarantine.js';
import { FirstAdmin } from './first-admin.js';
import { PasswordHasher } from './password-hasher.js';
import { PasswordPolicy } from './password-policy.js';
import { SecurityNotices } from './security-notices.js';
import { UserAdministration } from './user-administration.js';
import { UserDirectory } from './user-directory.js';
import { UserRecords } from './user-records.js';
import { User } from './user.entity.js';
import { UserSessionsController } from './user-sessions.controller.js';
import { UserSessions } from './user-sessions.service.js';
import { UsersController } from './users.controller.js';
import { UsersService } from './users.service.js';

/** People: who they are, whether they may come in, and their passwords. */
@Module({
  imports: [TypeOrmModule.forFeature([User]), AuditModule, MailModule, PermissionsModule, SessionsModule],
  controllers: [UsersController, UserSessionsController],
  providers: [
    AccountHolders,
    BreachedPasswords,
    FirstAdmin,
    NameQuarantine,
    PasswordHasher,
    PasswordPolicy,
    SecurityNotices,
    UserAdministration,
    UserDirectory,
    UserRecords,
    UserSessions,
    UsersService,
  ],
  exports: [AccountHolders, FirstAdmin, PasswordHasher, PasswordPolicy, SecurityNotices, UsersService],
})
export class UsersModule {
  constructor(expired: ExpiredRows) {
    expired.deleteFrom('quarantined_names', '1 day');
  }
}
