import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { DeniedAttempts } from './denied-attempts.js';
import { DenyByDefault } from './deny-by-default.js';
import { PermissionCatalogue } from './permission-catalogue.js';
import { Permission } from './permission.entity.js';
import { PermissionsController } from './permissions.controller.js';
import { PermissionsGuard } from './permissions.guard.js';
import { PermissionsService } from './permissions.service.js';
import { RolePermission } from './role-permission.entity.js';
import { Role } from './role.entity.js';
import { RolesController } from './roles.controller.js';
import { RolesService } from './roles.service.js';
import { UserRole } from './user-role.entity.js';

/** Roles and permissions: who may do what, and who may change that. */
@Module({
  imports: [TypeOrmModule.forFeature([Permission, Role, RolePermission, UserRole]), AuditModule, DiscoveryModule],
  controllers: [PermissionsController, RolesController],
  providers: [DeniedAttempts, DenyByDefault, PermissionCatalogue, PermissionsGuard, PermissionsService, RolesService],
  exports: [PermissionsService, PermissionsGuard],
})
export class PermissionsModule {}
