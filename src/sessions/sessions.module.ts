import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { SessionSweeper } from './session-sweeper.js';
import { Session } from './session.entity.js';
import { SessionsService } from './sessions.service.js';

/** Sessions and the rotation of their refresh tokens. */
@Module({
  imports: [TypeOrmModule.forFeature([Session]), AuditModule],
  providers: [SessionsService, SessionSweeper],
  exports: [SessionsService],
})
export class SessionsModule {}
