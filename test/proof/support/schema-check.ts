import type { Api, Schema } from './openapi.js';

/** The keywords that are checked, and those that say nothing about a value. With any other the check would be blind, and fails. */
const CHECKED = [
  '$ref',
  'type',
  'nullable',
  'enum',
  'format',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
];
const STRUCTURAL = ['maxItems', 'items', 'properties', 'required', 'additionalProperties', 'oneOf'];
const KNOWN = new Set([...CHECKED, ...STRUCTURAL, 'example', 'default', 'description']);

const FORMATS: Record<string, RegExp> = {
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
  email: /^\S+@\S+$/,
};

/**
 * Where a value is not what the schema says, as `path: what is wrong`; empty when it is. Stricter than JSON Schema in one thing: a property
 * that the schema does not name is wrong, since nobody could know of it.
 */
export function mismatches(api: Api, given: Schema, value: unknown, path = '$'): string[] {
  const schema = api.resolve(given);
  const unknown = Object.keys(schema).filter((keyword) => !KNOWN.has(keyword));
  if (unknown.length > 0) return [`${path}: the check does not know ${unknown.join(', ')}`];
  if (value === null) return schema.nullable ? [] : [`${path}: is null`];
  if (schema.oneOf) {
    const fits = schema.oneOf.filter((option) => mismatches(api, option, value, path).length === 0);
    return fits.length === 1 ? [] : [`${path}: fits ${fits.length} of its oneOf`];
  }
  if (schema.enum && !schema.enum.includes(value)) return [`${path}: is ${JSON.stringify(value)}, not in the enum`];
  switch (schema.type) {
    case 'string':
      return textMismatches(schema, value, path);
    case 'number':
    case 'integer':
      return numberMismatches(schema, value, path);
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`${path}: is no boolean`];
    case 'array':
      if (!Array.isArray(value)) return [`${path}: is no array`];
      return value.flatMap((item, index) => mismatches(api, schema.items ?? {}, item, `${path}[${index}]`));
    case 'object':
      return objectMismatches(api, schema, value, path);
    default:
      return [`${path}: has a schema without type`];
  }
}

function textMismatches({ format, pattern, minLength, maxLength }: Schema, value: unknown, path: string): string[] {
  if (typeof value !== 'string') return [`${path}: is no string`];
  const wrong: string[] = [];
  if (format !== undefined && FORMATS[format]?.test(value) === false) wrong.push(`${path}: is no ${format}`);
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) wrong.push(`${path}: does not match ${pattern}`);
  if (value.length < (minLength ?? 0) || [...value].length > (maxLength ?? Infinity)) wrong.push(`${path}: its length`);
  return wrong;
}

function numberMismatches({ type, minimum, maximum }: Schema, value: unknown, path: string): string[] {
  if (typeof value !== 'number') return [`${path}: is no number`];
  if (type === 'integer' && !Number.isInteger(value)) return [`${path}: is no integer`];
  return value < (minimum ?? -Infinity) || value > (maximum ?? Infinity) ? [`${path}: is out of bounds`] : [];
}

function objectMismatches(api: Api, schema: Schema, value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path}: is no object`];
  const { properties = {}, required = [], additionalProperties = false } = schema;
  const missing = required.filter((name) => !(name in value)).map((name) => `${path}.${name}: is missing`);
  const members = Object.entries(value).flatMap(([name, member]) => {
    const declared = properties[name] ?? additionalProperties;
    if (declared === true) return [];
    if (declared === false) return [`${path}.${name}: is not documented`];
    return mismatches(api, declared, member, `${path}.${name}`);
  });
  return [...missing, ...members];
}
