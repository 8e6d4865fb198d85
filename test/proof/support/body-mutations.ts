import type { Schema } from './openapi.js';
import { boundaryValues, ODD_TEXTS, ODD_VALUES } from './odd-values.js';
import type { Draft, Mutation } from './request-draft.js';

/** A little below the default limit for bodies (65536 bytes), so that the text is looked at. */
const BIG = 65_000;

/** Every field of every wrong type and size, fields too few and too many, and bodies that are none. */
export function bodyMutations(schema: Schema): Mutation[] {
  const fields = Object.entries(schema.properties ?? {});
  return [...fields.flatMap(([name, field]) => fieldMutations(name, field)), ...shapeMutations(schema), ...RAW_BODIES];
}

function fieldMutations(field: string, schema: Schema): Mutation[] {
  const values = [...ODD_VALUES, ...ODD_TEXTS, ...boundaryValues(schema)];
  const items = schema.type === 'array' ? ODD_TEXTS.map((text) => [text]) : [];
  return [...values, ...items].map((value, index) => ({
    name: `${field} = odd value ${index}`,
    apply: (draft) => withJson(draft, { ...jsonOf(draft), [field]: value }),
  }));
}

function shapeMutations({ properties = {} }: Schema): Mutation[] {
  const names = Object.keys(properties);
  const without = names.map((name): Mutation => ({
    name: `without ${name}`,
    apply: (draft) =>
      withJson(draft, Object.fromEntries(Object.entries(jsonOf(draft)).filter(([key]) => key !== name))),
  }));
  const twice = names.map((name): Mutation => ({
    name: `${name} twice`,
    apply: (draft) => {
      const json = JSON.stringify(jsonOf(draft));
      return withText(draft, `{${JSON.stringify(name)}:{"first":true},${json.slice(1)}`);
    },
  }));
  const extra = [
    'extra',
    'toString',
    'hasOwnProperty',
    'then',
    'id',
    'isAdmin',
    'permissions ',
    '',
    '\0',
    '\ud800',
    '💥',
  ];
  return [
    ...without,
    ...twice,
    ...extra.map((name): Mutation => ({
      name: `extra field ${JSON.stringify(name)}`,
      apply: (draft) => withJson(draft, { ...jsonOf(draft), [name]: 'x' }),
    })),
    ...['__proto__', 'constructor', 'prototype'].map((name): Mutation => ({
      name: `extra field ${name}`,
      apply: (draft) => withText(draft, `{"${name}":{"isAdmin":true},${JSON.stringify(jsonOf(draft)).slice(1)}`),
    })),
    ...[10, 100, 5000, 30_000].flatMap((depth) => names.slice(0, 1).flatMap((name) => deepMutations(name, depth))),
    ...deepMutations('extra', 10_000),
    { name: 'no field at all', apply: (draft) => withJson(draft, {}) },
    {
      name: 'every field null',
      apply: (draft) => withJson(draft, Object.fromEntries(names.map((name) => [name, null]))),
    },
    {
      name: 'thousands of fields',
      apply: (draft) => withJson(draft, Object.fromEntries(Array.from({ length: 4000 }, (_, n) => [`f${n}`, 1]))),
    },
  ];
}

function deepMutations(field: string, depth: number): Mutation[] {
  const put = (draft: Draft, value: string): Draft => withText(draft, `{${JSON.stringify(field)}:${value}}`);
  return [
    { name: `${field} ${depth} arrays deep`, apply: (draft) => put(draft, '['.repeat(depth) + ']'.repeat(depth)) },
    {
      name: `${field} ${depth} objects deep`,
      apply: (draft) => put(draft, `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
    },
    { name: `${field} opened ${depth} times`, apply: (draft) => put(draft, '[{"a":'.repeat(depth)) },
  ];
}

const bytes = (name: string, body: Buffer | string): Mutation => ({
  name,
  apply: (draft) => ({ ...draft, body: { bytes: Buffer.from(body as string) } }),
});

/** Whatever the schema. Sent as JSON, unless the draft says otherwise. */
export const RAW_BODIES: Mutation[] = [
  bytes('empty body', ''),
  bytes('blank body', ' \r\n\t '),
  bytes('an array', '[]'),
  bytes('an array of objects', '[{"name":"x"}]'),
  bytes('a string', '"x"'),
  bytes('a number', '1e999'),
  bytes('null', 'null'),
  bytes('NaN', '{"name":NaN}'),
  bytes('a huge number', `{"name":${'9'.repeat(30_000)}}`),
  bytes('truncated', '{"name":'),
  bytes('trailing comma', '{"name":"x",}'),
  bytes('two values', '{}{}'),
  bytes('a comment', '{/**/}'),
  bytes('a byte order mark', '\ufeff{}'),
  bytes('bad escape', '{"name":"\\u12"}'),
  bytes('a raw control character', '{"name":"\u0001"}'),
  bytes('bytes that are no UTF-8', Buffer.from('7b226e616d65223a22c328ff227d', 'hex')),
  bytes('an encoded surrogate', Buffer.from('7b226e616d65223a22eda080227d', 'hex')),
  bytes('UTF-16', Buffer.from('{"name":"x"}', 'utf16le')),
  bytes('NULs', Buffer.alloc(1000)),
  bytes('as long as may be', `{"name":"${'x'.repeat(BIG)}"}`),
  bytes('too long', `{"name":"${'x'.repeat(BIG * 4)}"}`),
];

const sentAs = (name: string, contentType: string | null): Mutation => ({
  name: `content type: ${name}`,
  apply: (draft) => ({
    ...draft,
    body: draft.body ?? { json: {} },
    headers: [
      ...draft.headers.filter(([given]) => given !== 'Content-Type'),
      ...(contentType === null ? [] : [['Content-Type', contentType] as [string, string]]),
    ],
  }),
});

export const CONTENT_TYPES: Mutation[] = [
  sentAs('none', null),
  sentAs('empty', ''),
  ...[
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/problem+json',
    'application/JSON',
    'application/json; charset=utf-16',
    'application/json;charset="',
    'application/jsonx',
    'application/json, text/plain',
    '*/*',
    ';;;',
    `application/json; x=${'y'.repeat(4000)}`,
  ].map((type) => sentAs(type.slice(0, 40), type)),
];

function jsonOf({ body }: Draft): Record<string, unknown> {
  return body && 'json' in body ? body.json : {};
}

function withJson(draft: Draft, json: Record<string, unknown>): Draft {
  return { ...draft, body: { json } };
}

function withText(draft: Draft, text: string): Draft {
  return { ...draft, body: { bytes: Buffer.from(text) } };
}
