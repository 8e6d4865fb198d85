import { childEnvironment } from '../../../config/env.js';

/** What the database's processes inherit: nothing that would change how Postgres behaves, and none of the service's secrets. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { ...childEnvironment(/^(PG|LC_|LANG)/), LC_ALL: 'C', TZ: 'UTC' };
}
