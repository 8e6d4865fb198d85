import { Core1763700000000 } from './1763700000000-core.js';

/** Every migration, oldest first. Listed by hand: TypeORM's globs match nothing in an ES module and say nothing about it. */
export const migrations = [Core1763700000000];
