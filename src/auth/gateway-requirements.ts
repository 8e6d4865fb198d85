import { AUDIENCE_IDENTIFIER } from '../clients/audience-identifier.js';
import type { FieldError } from '../common/problem.js';
import { PERMISSION_NAME, ROLE_NAME } from '../permissions/names.js';

/** What a gateway asks of a token, besides that it is accepted. All of it must be met. */
export interface GatewayRequirements {
  permissions: string[];
  roles: string[];
  /** The issuer, where none is named. */
  audience: [string, ...string[]];
}

/** The word for no requirement, where one has to stand. */
export const NOTHING_MORE = '-';

/** Far more than a route needs, and few enough to look through for each request. */
const MOST = 100;
const LONGEST_IN_MESSAGE = 40;

/**
 * Reads requirements as a gateway's configuration has them: `permission=orders:read&role=clerk`. Whatever is not understood is a mistake of that
 * configuration, and never passed over: what was meant to be required would not be. An empty value is one too, as of a variable that was not set.
 *
 * @param text in the form of a query (application/x-www-form-urlencoded)
 * @returns the mistakes, where there are any
 */
export function readRequirements(text: string, issuer: string): GatewayRequirements | FieldError[] {
  const entries = [...new URLSearchParams(text)];
  if (entries.length > MOST) return [{ field: '', message: `has more than ${MOST} requirements` }];
  const mistakes = entries.flatMap(([name, value]) => mistakeIn(name, value, issuer));
  if (mistakes.length > 0) return mistakes;
  const valuesOf = (wanted: string): string[] => entries.flatMap(([name, value]) => (name === wanted ? [value] : []));
  const [first = issuer, ...others] = valuesOf('audience');
  return { permissions: valuesOf('permission'), roles: valuesOf('role'), audience: [first, ...others] };
}

/** The same from a part of the path, where something has to stand. */
export function readPathRequirements(segment: string, issuer: string): GatewayRequirements | FieldError[] {
  if (segment === '') return [{ field: '', message: `names no requirement; ${NOTHING_MORE} stands for none` }];
  return readRequirements(segment === NOTHING_MORE ? '' : segment, issuer);
}

function mistakeIn(name: string, value: string, issuer: string): FieldError[] {
  const field = name.slice(0, LONGEST_IN_MESSAGE);
  switch (name) {
    case 'permission':
      return PERMISSION_NAME.test(value) ? [] : [{ field, message: 'is not the name of a permission' }];
    case 'role':
      return ROLE_NAME.test(value) ? [] : [{ field, message: 'is not the name of a role' }];
    case 'audience': {
      const known = value === issuer || AUDIENCE_IDENTIFIER.test(value);
      return known ? [] : [{ field, message: 'is neither the identifier of an audience nor the issuer' }];
    }
    default:
      return [{ field, message: 'is no requirement; expected permission, role or audience' }];
  }
}
