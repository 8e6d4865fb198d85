import { Module } from '@nestjs/common';
import { AuditModule } from '../../audit/audit.module.js';
import { ClientsModule } from '../../clients/clients.module.js';
import { LimitsModule } from '../../limits/limits.module.js';
import { PermissionsModule } from '../../permissions/permissions.module.js';
import { SessionsModule } from '../../sessions/sessions.module.js';
import { TokensModule } from '../../tokens/tokens.module.js';
import { AuthModule } from '../auth.module.js';
import { OAuthCallers } from './caller.service.js';
import { ClientAuthentication } from './client-authentication.service.js';
import { ClientThrottle } from './client-throttle.js';
import { IntrospectionService } from './introspection.service.js';
import { MetadataController } from './metadata.controller.js';
import { OAuthController } from './oauth.controller.js';
import { RevocationService } from './revocation.service.js';
import { TokenEndpoint } from './token-endpoint.service.js';

/** The endpoints of OAuth 2.0, for clients that know nothing of Portcullis. */
@Module({
  imports: [AuthModule, LimitsModule, ClientsModule, TokensModule, SessionsModule, PermissionsModule, AuditModule],
  controllers: [OAuthController, MetadataController],
  providers: [
    OAuthCallers,
    ClientAuthentication,
    ClientThrottle,
    TokenEndpoint,
    IntrospectionService,
    RevocationService,
  ],
})
export class OAuthModule {}
