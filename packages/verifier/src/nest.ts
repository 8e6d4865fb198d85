export { AccessError, type Problem, type Requirements } from './http-access.js';
export { CurrentPrincipal, Public, Requires } from './nest/decorators.js';
export { PortcullisGuard } from './nest/guard.js';
export { PortcullisModule, type PortcullisModuleExtras, type PortcullisModuleOptions } from './nest/module.js';
export { AccessException } from './nest/refusal.js';
