import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { ExpiredRows } from '../database/expired-rows.js';
import { KeysModule } from '../keys/keys.module.js';
import { PermissionsModule } from '../permissions/permissions.module.js';
import { AudienceRecords } from './audience-records.js';
import { AudienceSecrets } from './audience-secrets.js';
import { Audience } from './audience.entity.js';
import { AudiencesController } from './audiences.controller.js';
import { AudiencesService } from './audiences.service.js';
import { ClientAdministration } from './client-administration.js';
import { ClientAudience } from './client-audience.entity.js';
import { ClientDirectory } from './client-directory.js';
import { ClientPermission } from './client-permission.entity.js';
import { ClientRecords } from './client-records.js';
import { ClientSecret } from './client-secret.entity.js';
import { ClientSecrets } from './client-secrets.js';
import { ClientSecretsController } from './client-secrets.controller.js';
import { Client } from './client.entity.js';
import { ClientsController } from './clients.controller.js';

/** Callers that are programs, what they prove themselves by and may do; and the services that tokens are for. */
@Module({
  imports: [
    TypeOrmModule.forFeature([Audience, Client, ClientAudience, ClientPermission, ClientSecret]),
    AuditModule,
    KeysModule,
    PermissionsModule,
  ],
  controllers: [AudiencesController, ClientsController, ClientSecretsController],
  providers: [
    AudienceRecords,
    AudienceSecrets,
    AudiencesService,
    ClientAdministration,
    ClientDirectory,
    ClientRecords,
    ClientSecrets,
  ],
  exports: [AudiencesService, ClientAdministration, ClientDirectory],
})
export class ClientsModule {
  constructor(expired: ExpiredRows) {
    expired.deleteFrom('client_secrets', '1 day');
    // A little later than they did: clocks differ, and an assertion that is forgotten could be used again.
    expired.deleteFrom('used_assertions', '10 minutes');
  }
}
