import { Injectable, type OnModuleInit, type Type } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { ACCESS, type Access } from '../common/access.js';
import { BUILT_IN_PERMISSIONS } from './built-in.js';

/** The application does not start with a route that forgot to say who may call it, or that asks for a permission nobody can hold. */
@Injectable()
export class DenyByDefault implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {}

  onModuleInit(): void {
    const controllers = this.discovery.getControllers().map(({ metatype }) => metatype as Type<object>);
    const problems = controllers.flatMap((controller) => this.problemsOf(controller));
    if (problems.length > 0) throw new Error(`Routes that nobody decided about:\n${problems.join('\n')}`);
  }

  private problemsOf(controller: Type<object>): string[] {
    const methods = controller.prototype as Record<string, () => unknown>;
    return this.scanner.getAllMethodNames(methods).flatMap((name) => {
      const handler = methods[name];
      if (!handler || !Reflect.hasMetadata(PATH_METADATA, handler)) return [];
      const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS, [handler, controller]);
      return accessProblems(`${controller.name}.${name}`, access);
    });
  }
}

function accessProblems(route: string, access: Access | undefined): string[] {
  if (!access) return [`${route} has neither @Public nor @Requires`];
  const builtIn = new Set<string>(BUILT_IN_PERMISSIONS);
  return access.permissions
    .filter((permission) => !builtIn.has(permission))
    .map((permission) => `${route} requires ${permission}, which is no built-in permission`);
}
