import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import { SYSTEM } from '../common/principal.js';
import { inTransaction } from '../database/transaction.js';
import { ADMIN_ROLE } from '../permissions/built-in.js';
import { PermissionsService } from '../permissions/permissions.service.js';
import { generatedPassword } from './generated-password.js';
import { PasswordHasher } from './password-hasher.js';
import { PasswordPolicy } from './password-policy.js';
import { User } from './user.entity.js';

export interface FirstAdminCredentials {
  username: string;
  /** Null: the one that the configuration gives. */
  password: string | null;
}

/** Any number will do, as long as all instances use it for this and nothing else. */
const ADVISORY_LOCK = 7_305_801_941_352_663;

/** An empty database gets an admin: nobody could create the first user otherwise. */
@Injectable()
export class FirstAdmin {
  constructor(
    private readonly dataSource: DataSource,
    private readonly permissions: PermissionsService,
    private readonly hasher: PasswordHasher,
    private readonly policy: PasswordPolicy,
    private readonly audit: AuditService,
    @Inject(ENV) private readonly env: Env,
  ) {}

  /**
   * Does nothing when there is a user. Instances that start at the same time take turns, and the first one makes the admin.
   *
   * @param announce tells the operator, before the commit: after a crash in between, the next start makes and announces a new password.
   *   After the commit a crash could lose the only password there is.
   * @throws Error when the configured password is none that the policy accepts
   */
  async ensure(announce: (credentials: FirstAdminCredentials) => void): Promise<void> {
    // Once only: a second run would announce a second password.
    await inTransaction(this.dataSource, (manager) => this.make(manager, announce), 1);
  }

  private async make(manager: EntityManager, announce: (credentials: FirstAdminCredentials) => void): Promise<void> {
    await manager.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    if (await manager.exists(User)) return;
    const { username, password: configured } = this.env.admin;
    const password = configured ?? generatedPassword(this.env.password.minLength);
    if (configured !== null) await this.requireAcceptable(configured);
    const id = uuidv7();
    const passwordHash = await this.hasher.hash(password);
    await manager.query(`SET LOCAL portcullis.first_admin = 'on'`);
    await manager.insert(User, { id, username, passwordHash, mustChangePassword: configured === null });
    await this.permissions.setUserRoles(manager, SYSTEM, id, [ADMIN_ROLE]);
    await this.audit.record(manager, {
      action: 'user.created',
      actor: SYSTEM,
      target: { type: 'user', id },
      details: { roles: [ADMIN_ROLE] },
    });
    announce({ username, password: configured === null ? password : null });
  }

  private async requireAcceptable(password: string): Promise<void> {
    const problems = await this.policy.problemsOf(password, { username: this.env.admin.username, email: null });
    if (problems.length > 0) throw new Error(`PORTCULLIS_ADMIN_PASSWORD ${problems.join('; ')}.`);
  }
}
