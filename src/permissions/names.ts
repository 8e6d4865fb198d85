/** Neither kind of name holds a space: the validity events about a role's permission are keyed `role permission`. */
export const ROLE_NAME = /^[a-z][a-z0-9_.:-]{0,63}$/;
export const ROLE_NAME_RULE = 'must be 1 to 64 of a-z, 0-9, _ . : and -, starting with a letter';

export const PERMISSION_NAME = /^(?=.{1,128}$)[a-z][a-z0-9_.-]*(:[a-z0-9_.*-]+)+$/;
export const PERMISSION_NAME_RULE =
  'must be resource:action in a-z, 0-9, _ . * and -, starting with a letter, of 128 characters at most';

/** Lenient: a name may have been written in SQL. */
export const STORED_NAME = /^\P{Cc}{1,256}$/u;
