import type { SubjectPermissions } from './claims.js';

/** What one does at a message broker: subscribe to a subject, or publish to it. */
export type SubjectAction = 'sub' | 'pub';

const SUBJECT = /^\/([^/]+\/)*([^/]+|\*)$/;
const WILDCARD = '/*';

/** Whether `text` is a subject: segments, each after a slash; `*` as the last one stands for everything below. */
export function isSubject(text: string): boolean {
  return SUBJECT.test(text);
}

/**
 * Whether `pattern` covers `subject`: it is the same, or ends in a wildcard below which the subject lies, at any depth. `/a/b/*` covers
 * `/a/b/c` and `/a/b/c/d`, not `/a/b`. A subject that is itself a pattern is covered only where all that it covers is.
 */
export function covers(pattern: string, subject: string): boolean {
  if (!isSubject(pattern) || !isSubject(subject)) return false;
  if (!pattern.endsWith(WILDCARD)) return pattern === subject;
  return subject.startsWith(pattern.slice(0, -1));
}

/** Whether a broker's token permits this. What stands under `all`, or under both `sub` and `pub`, is permitted both ways. */
export function allows(permissions: SubjectPermissions, action: SubjectAction, subject: string): boolean {
  return [...permissions.all, ...permissions[action]].some((pattern) => covers(pattern, subject));
}
