import type { Operation, Parameter } from './openapi.js';
import { boundaryValues, ODD_TEXTS } from './odd-values.js';
import type { Mutation } from './request-draft.js';

/** Everything that can be wrong between the method and the end of the first line. */
export function addressMutations({ parameters }: Operation): Mutation[] {
  const of = (where: Parameter['in']): Parameter[] => parameters.filter((parameter) => parameter.in === where);
  return [
    ...of('path').flatMap(({ name }) => ODD_SEGMENTS.map((segment) => pathMutation(name, segment))),
    ...of('query').flatMap(queryMutations),
    ...ODD_QUERIES.map((query) => withQuery(`query ${query.slice(0, 40)}`, query)),
  ];
}

function pathMutation(param: string, segment: string): Mutation {
  return {
    name: `{${param}} = ${segment.slice(0, 40)}`,
    apply: (draft) => ({ ...draft, params: { ...draft.params, [param]: segment } }),
  };
}

function queryMutations({ name, schema }: Parameter): Mutation[] {
  const texts = [...ODD_TEXTS.filter((text) => text.length < 10_000), ...boundaryValues(schema).map(String)];
  const bounds = [schema.minimum, schema.maximum].flatMap((n) => (n === undefined ? [] : [n - 1, n, n + 1, n + 0.5]));
  return [
    ...[...texts, ...bounds.map(String)].map((text) =>
      withQuery(`?${name} = ${text.slice(0, 20)}`, `${name}=${encoded(text)}`),
    ),
    ...['%', '%ZZ', '%E0%A4%A', '%ED%A0%80', '%C0%80', '%FF'].map((raw) =>
      withQuery(`?${name}=${raw}`, `${name}=${raw}`),
    ),
    withQuery(`?${name} without value`, name),
    withQuery(`?${name} twice`, `${name}=1&${name}=2`),
    withQuery(`?${name} a thousand times`, Array.from({ length: 1000 }, () => `${name}=1`).join('&')),
    withQuery(`?${name} as an array`, `${name}[]=1&${name}[]=2`),
    withQuery(`?${name} as an object`, `${name}[a]=1&${name}[__proto__][b]=2`),
    withQuery(`?${name} in capitals`, `${name.toUpperCase()}=1`),
  ];
}

function withQuery(name: string, query: string): Mutation {
  return { name, apply: (draft) => ({ ...draft, query }) };
}

/** A lone surrogate has no percent-encoding: its three bytes are written out. */
function encoded(text: string): string {
  return [...Buffer.from(text, 'utf8')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

const ODD_SEGMENTS: readonly string[] = [
  '',
  '.',
  '..',
  '%2e%2e',
  '%2F',
  'a%2Fb',
  '..%2F..%2Fetc%2Fpasswd',
  '%5C',
  '%00',
  'a%00b',
  '%0d%0aX-Injected:%20yes',
  '%',
  '%%',
  '%E0%A4%A',
  '%ZZ',
  '%ED%A0%80',
  '%C0%80',
  '%FF%FE',
  '%F0%9F%98%80',
  'e%CC%81',
  '%E2%80%AE',
  '%25',
  '%2500',
  "'%20OR%20'1'='1",
  '*',
  ':id',
  '{id}',
  '__proto__',
  'constructor',
  'null',
  '0',
  '-1',
  '9'.repeat(290),
  'x'.repeat(300),
  'x'.repeat(301),
  'x'.repeat(5000),
  '00000000-0000-0000-0000-000000000000',
  'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF',
  '{0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11}',
  '0198c5a06a547cc0b0a44f3f4f1c8a11',
  '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11%0a',
  'admin',
  'users:read',
  '\u00e9',
  'a;b=c',
  'a?x=1',
];

const ODD_QUERIES: readonly string[] = [
  'unknown=1',
  '__proto__=1',
  '__proto__[x]=1',
  'constructor=1',
  'constructor.prototype.x=1',
  'toString=1',
  'then=1',
  '&&&',
  '=',
  '=x',
  '?',
  '#',
  '%',
  '%00=%00',
  '%E0%A4%A=1',
  '\u00e9=\u00e9',
  'access_token=x',
  Array.from({ length: 1500 }, (_, n) => `p${n}=1`).join('&'),
  `x=${'y'.repeat(14_000)}`,
];
