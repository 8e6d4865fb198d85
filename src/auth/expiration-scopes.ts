/** Whose tokens can be ended at once. */
export const SCOPES = ['global', 'user', 'client', 'audience', 'session', 'role', 'token'] as const;
export type Scope = (typeof SCOPES)[number];
