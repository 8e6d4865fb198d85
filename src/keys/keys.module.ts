import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { JwksController } from './jwks.controller.js';
import { JwksService } from './jwks.service.js';
import { KeysService } from './keys.service.js';
import { SigningKey } from './signing-key.entity.js';

/** Signing keys: made, encrypted at rest, published, signed with. */
@Module({
  imports: [TypeOrmModule.forFeature([SigningKey]), AuditModule],
  controllers: [JwksController],
  providers: [KeysService, JwksService],
  exports: [KeysService],
})
export class KeysModule {}
