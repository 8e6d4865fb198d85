import { isSubject, type SubjectPermissions } from '@portcullis/verifier';
import type { FieldError } from '../common/problem.js';

/** What a generated token permits: permissions by their names, or subjects of a message broker. */
export type TokenPermissions = string[] | SubjectPermissions;

export const SUBJECT_KINDS = ['sub', 'pub', 'all'] as const;

export const MOST_PERMISSIONS = 1000;
export const LONGEST_PERMISSION = 128;
export const MOST_SUBJECTS = 1000;
export const LONGEST_SUBJECT = 512;

/** A subject may hold anything but slashes; what no log and no column can hold is not worth supporting. */
const UNSTORABLE = /[\p{Cc}\p{Cs}]/u;

export function isNames(permissions: TokenPermissions): permissions is string[] {
  return Array.isArray(permissions);
}

/** The permissions that a request asks for, each once; or what is wrong with them, by its place in the request. */
export function readTokenPermissions(given: unknown): TokenPermissions | { errors: FieldError[] } {
  if (given === undefined) return [];
  if (Array.isArray(given)) return readNames(given);
  if (typeof given === 'object' && given !== null) return readSubjects(given as Record<string, unknown>);
  return wrong('permissions', 'must be a list of names, or subjects by sub, pub and all');
}

function readNames(given: unknown[]): string[] | { errors: FieldError[] } {
  if (given.length > MOST_PERMISSIONS) return wrong('permissions', `must not be more than ${MOST_PERMISSIONS}`);
  const isName = (name: unknown): name is string =>
    typeof name === 'string' && name !== '' && name.length <= LONGEST_PERMISSION && !UNSTORABLE.test(name);
  const errors = given.flatMap((name, index) =>
    isName(name) ? [] : [{ field: `permissions.${index}`, message: 'is not the name of a permission' }],
  );
  return errors.length > 0 ? { errors } : [...new Set(given.filter(isName))];
}

function readSubjects(given: Record<string, unknown>): SubjectPermissions | { errors: FieldError[] } {
  const unknown = Object.keys(given).filter((kind) => !(SUBJECT_KINDS as readonly string[]).includes(kind));
  if (unknown.length > 0) return wrong('permissions', `must hold no other kinds than ${SUBJECT_KINDS.join(', ')}`);
  const errors = SUBJECT_KINDS.flatMap((kind) => subjectErrors(`permissions.${kind}`, given[kind]));
  if (errors.length > 0) return { errors };
  const listed = (kind: (typeof SUBJECT_KINDS)[number]): string[] => [...new Set((given[kind] ?? []) as string[])];
  return { sub: listed('sub'), pub: listed('pub'), all: listed('all') };
}

function subjectErrors(field: string, subjects: unknown): FieldError[] {
  if (subjects === undefined) return [];
  if (!Array.isArray(subjects)) return [{ field, message: 'must be a list of subjects' }];
  if (subjects.length > MOST_SUBJECTS) return [{ field, message: `must not be more than ${MOST_SUBJECTS}` }];
  return subjects.flatMap((subject: unknown, index) =>
    isUsableSubject(subject) ? [] : [{ field: `${field}.${index}`, message: 'is not a subject' }],
  );
}

export function isUsableSubject(text: unknown): text is string {
  return typeof text === 'string' && text.length <= LONGEST_SUBJECT && !UNSTORABLE.test(text) && isSubject(text);
}

function wrong(field: string, message: string): { errors: FieldError[] } {
  return { errors: [{ field, message }] };
}
