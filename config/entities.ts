import { AuditEvent } from '../src/audit/audit-event.entity.js';
import { PasskeyChallenge } from '../src/auth/mfa/passkey-challenge.entity.js';
import { Passkey } from '../src/auth/mfa/passkey.entity.js';
import { RecoveryCode } from '../src/auth/mfa/recovery-code.entity.js';
import { TotpFactor } from '../src/auth/mfa/totp-factor.entity.js';
import { Audience } from '../src/clients/audience.entity.js';
import { ClientAudience } from '../src/clients/client-audience.entity.js';
import { ClientPermission } from '../src/clients/client-permission.entity.js';
import { ClientSecret } from '../src/clients/client-secret.entity.js';
import { Client } from '../src/clients/client.entity.js';
import { SigningKey } from '../src/keys/signing-key.entity.js';
import { Permission } from '../src/permissions/permission.entity.js';
import { RolePermission } from '../src/permissions/role-permission.entity.js';
import { Role } from '../src/permissions/role.entity.js';
import { UserRole } from '../src/permissions/user-role.entity.js';
import { Session } from '../src/sessions/session.entity.js';
import { GeneratedToken } from '../src/tokens/generated-token.entity.js';
import { User } from '../src/users/user.entity.js';

/** Every entity, to be compared with the schema. The service itself loads those of its rooms. */
export const entities = [
  Audience,
  AuditEvent,
  Client,
  ClientAudience,
  ClientPermission,
  ClientSecret,
  GeneratedToken,
  Passkey,
  PasskeyChallenge,
  Permission,
  RecoveryCode,
  Role,
  RolePermission,
  Session,
  SigningKey,
  TotpFactor,
  User,
  UserRole,
];
