import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { HmacKeys } from './hmac-keys.js';
import { JwksController } from './jwks.controller.js';
import { JwksService } from './jwks.service.js';
import { KeyDirectory } from './key-directory.js';
import { KeyExport } from './key-export.service.js';
import { KeyImport } from './key-import.service.js';
import { KeyRecords } from './key-records.js';
import { KeyRing } from './key-ring.js';
import { KeyRotation } from './key-rotation.service.js';
import { KeyTender } from './key-tender.js';
import { KeyVault } from './key-vault.js';
import { KeysController } from './keys.controller.js';
import { KeysService } from './keys.service.js';
import { MasterKeyRewrap } from './rewrap.service.js';
import { SigningKey } from './signing-key.entity.js';

/** Signing keys: made, encrypted at rest, published, signed with, replaced, taken over from elsewhere. */
@Module({
  imports: [TypeOrmModule.forFeature([SigningKey]), AuditModule],
  controllers: [JwksController, KeysController],
  providers: [
    KeysService,
    JwksService,
    KeyRing,
    KeyRotation,
    KeyTender,
    KeyRecords,
    KeyVault,
    KeyDirectory,
    HmacKeys,
    KeyImport,
    KeyExport,
    MasterKeyRewrap,
  ],
  exports: [KeysService, KeyImport, KeyExport, MasterKeyRewrap],
})
export class KeysModule {}
