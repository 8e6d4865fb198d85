import type { Mutation } from './request-draft.js';

const withHeaders = (name: string, ...headers: [string, string][]): Mutation => ({
  name: `header ${name}`,
  apply: (draft) => ({ ...draft, headers: [...draft.headers, ...headers] }),
});

const each = (header: string, values: readonly string[]): Mutation[] =>
  values.map((value) => withHeaders(`${header}: ${value.slice(0, 40)}`, [header, value]));

const ODD_TAGS = [
  '',
  '"',
  '""',
  '*',
  'W/"1"',
  '"1", "2"',
  '"1" "2"',
  ',,,,',
  '1',
  '-1',
  '"999999999999999999999999"',
  '"\u00e9"',
  `"${'9'.repeat(8000)}"`,
  Array.from({ length: 2000 }, (_, n) => `"${n}"`).join(','),
];

/** Every operation is sent all of these: whatever looks at headers must bear them. */
export const HEADER_MUTATIONS: readonly Mutation[] = [
  ...each('If-Match', ODD_TAGS),
  ...each('If-None-Match', ODD_TAGS),
  withHeaders('If-Match twice', ['If-Match', '"1"'], ['If-Match', '*']),
  ...each('Accept', ['', '*', 'application/json', 'application/xml', 'text/html;q=x', ';;;', 'a/b,'.repeat(2000)]),
  ...each('Accept-Encoding', ['gzip', 'identity;q=0, *;q=0']),
  ...each('Accept-Language', ['\u00e9']),
  ...each('Content-Encoding', ['gzip', 'x']),
  ...each('X-Request-Id', ['', '\u00e9', 'x'.repeat(5000), '{"a":1}', '../../x']),
  ...each('X-Forwarded-For', ['1.1.1.1', 'x', '::1, '.repeat(500)]),
  ...each('X-HTTP-Method-Override', ['DELETE']),
  ...each('X-Original-URL', ['/v1/users']),
  ...each('User-Agent', ['', '\u00e9'.repeat(1000), 'x'.repeat(8000), '\t']),
  ...each('Cookie', ['a', '\u00e9=\u00e9', 'a=b; '.repeat(1500)]),
  ...each('Origin', ['null', 'x', 'https://evil.test']),
  ...each('Range', ['bytes=0-0', 'bytes=5-1,-']),
  ...each('Expect', ['100-continue', 'x']),
  ...each('Connection', ['Upgrade, close', 'x, close']),
  withHeaders('Upgrade', ['Upgrade', 'websocket'], ['Connection', 'Upgrade, close']),
  withHeaders(
    'HTTP/2',
    ['Upgrade', 'h2c'],
    ['HTTP2-Settings', 'AAMAAABk'],
    ['Connection', 'Upgrade, HTTP2-Settings, close'],
  ),
  withHeaders('Host twice', ['Host', 'a'], ['Host', 'b']),
  withHeaders('Host', ['Host', 'evil.test:99999/@x']),
  withHeaders('a line that folds', ['X-Folded', 'a\r\n b']),
  withHeaders('a name with a space', ['X Space', 'a']),
  withHeaders('a NUL', ['X-Nul', 'a\0b']),
  withHeaders('both lengths', ['Content-Length', '0'], ['Transfer-Encoding', 'chunked']),
  withHeaders('length no number', ['Content-Length', 'x']),
  withHeaders('length negative', ['Content-Length', '-1']),
  withHeaders('an unknown transfer coding', ['Transfer-Encoding', 'x']),
  withHeaders('hundreds', ...Array.from({ length: 500 }, (_, n): [string, string] => [`X-${n}`, '1'])),
  withHeaders('too large', ['X-Large', 'x'.repeat(20_000)]),
];

/** Only for requests without a token of their own: two of them make another request. */
export const AUTHORIZATION_MUTATIONS: readonly Mutation[] = [
  ...each('Authorization', [
    '',
    'Bearer',
    'Bearer ',
    'Bearer x',
    'Bearer ..',
    'Bearer \u00e9.\u00e9.\u00e9',
    'Bearer a b',
    'Bearer,',
    'Basic OjpA',
    'Basic \u00e9',
    'Negotiate x',
    'x'.repeat(8000),
    `Bearer ${'e30.'.repeat(3000)}`,
  ]),
  withHeaders('Authorization twice', ['Authorization', 'Bearer x'], ['Authorization', 'Bearer y']),
];
