import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { ExpiredRows } from '../database/expired-rows.js';
import { Session } from './session.entity.js';
import { SessionsService } from './sessions.service.js';

/** Sessions and the rotation of their refresh tokens. */
@Module({
  imports: [TypeOrmModule.forFeature([Session]), AuditModule],
  providers: [SessionsService],
  exports: [SessionsService],
})
export class SessionsModule {
  constructor(expired: ExpiredRows) {
    expired.deleteFrom('sessions', '1 day');
  }
}
