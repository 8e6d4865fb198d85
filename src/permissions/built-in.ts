/** The permissions that guard Portcullis itself, as the core migration creates them. `@Requires` may name no other. */
export const BUILT_IN_PERMISSIONS = [
  'users:read',
  'users:write',
  'roles:read',
  'roles:write',
  'keys:read',
  'keys:write',
  'clients:read',
  'clients:write',
  'tokens:generate',
  'tokens:introspect',
  'tokens:revoke',
  'tokens:explain',
  'sessions:read',
  'sessions:write',
  'validity:read',
  'validity:write',
  'audit:read',
] as const;

/** Holds every permission, those that teams add included. */
export const ADMIN_ROLE = 'admin';
