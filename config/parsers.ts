import { isIP } from 'node:net';
import { resolve } from 'node:path';

/** Turns the text of one variable into its value, or `undefined` when the text is not acceptable. */
export interface Parser<T> {
  /** What is accepted, as it completes the sentence "expected …". */
  readonly expected: string;
  readonly parse: (text: string) => T | undefined;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, m: MINUTE, h: HOUR, d: DAY };

/** A whole number between `min` and `max`, both included. */
export function integer(min: number, max: number): Parser<number> {
  return {
    expected: `a whole number from ${min} to ${max}`,
    parse: (text) => within(min, max, /^\d{1,15}$/.test(text) ? Number(text) : NaN),
  };
}

/** A duration in seconds between `min` and `max` seconds, written as `300`, `300s`, `15m`, `24h` or `30d`. */
export function duration(min: number, max: number): Parser<number> {
  return {
    expected: `a duration from ${inLargestUnit(min)} to ${inLargestUnit(max)} in seconds, or with a unit as in 300s, 15m, 24h, 30d`,
    parse: (text) => {
      const [, count, unit = 's'] = /^(\d{1,10})([smhd])?$/.exec(text) ?? [];
      return within(min, max, Number(count) * (SECONDS_PER_UNIT[unit] ?? NaN));
    },
  };
}

/** One of the given words, exactly as written. */
export function oneOf<const Word extends string>(...words: Word[]): Parser<Word> {
  return { expected: `one of ${words.join(', ')}`, parse: (text) => words.find((word) => word === text) };
}

/** `alternative` as written, or else what `parser` accepts. */
export function or<const Word extends string, T>(alternative: Word, parser: Parser<T>): Parser<Word | T> {
  return {
    expected: `${parser.expected}, or ${alternative}`,
    parse: (text) => (text === alternative ? alternative : parser.parse(text)),
  };
}

export const onOff: Parser<boolean> = {
  expected: 'on or off',
  parse: (text) => {
    if (text === 'on' || text === 'true') return true;
    return text === 'off' || text === 'false' ? false : undefined;
  },
};

/** Text without white space or control characters. */
export const word: Parser<string> = {
  expected: 'text without white space',
  parse: (text) => (/^[^\s\p{Cc}]+$/u.test(text) ? text : undefined),
};

/** Usernames hold no `@`, so that a login name is never taken for an e-mail address. */
export const username: Parser<string> = {
  expected: '1 to 64 characters without white space and without @',
  parse: (text) => (/^[^\s\p{Cc}@]{1,64}$/u.test(text) ? text : undefined),
};

export const password: Parser<string> = { expected: 'a password', parse: (text) => text };

/** A path, made absolute against the working directory. */
export const directory: Parser<string> = { expected: 'a path', parse: (text) => resolve(text) };

/** A URL of one of the given schemes; it may carry credentials and is returned as written. */
export function url(...schemes: string[]): Parser<string> {
  return {
    expected: `a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    parse: (text) => {
      // `user@/database` names a unix socket to Postgres clients, but is no URL to the WHATWG parser.
      const wellFormed = URL.canParse(text.replace('@/', '@localhost/'));
      return wellFormed && schemes.some((scheme) => text.startsWith(`${scheme}://`)) ? text : undefined;
    },
  };
}

/**
 * A mail server. There is one parameter, and no other is taken: what is misspelt there must not go for something else. A password and a connection that
 * anybody may read do not go together.
 */
export const smtpUrl: Parser<string> = {
  expected:
    'smtps:// or smtp://, perhaps user:password@, host, and perhaps a port; with smtp:// and no password ?tls=optional may follow, for a server without STARTTLS',
  parse: (text) => {
    if (url('smtp', 'smtps').parse(text) === undefined) return undefined;
    const parsed = new URL(text);
    if (parsed.hostname === '' || parsed.hash !== '' || !['', '/'].includes(parsed.pathname)) return undefined;
    if (parsed.search === '') return text;
    return parsed.search === '?tls=optional' && parsed.protocol === 'smtp:' && parsed.username === ''
      ? text
      : undefined;
  },
};

/**
 * An issuer identifier (RFC 8414 section 2). Only the canonical spelling is accepted: everybody who verifies a token compares
 * `iss` byte by byte, so a trailing slash that was silently dropped here would be missed there.
 */
export const issuer: Parser<string> = {
  expected:
    'an http or https URL without credentials, query, fragment or trailing slash, in lower case and without a default port',
  parse: (text) => {
    const parsed = httpUrl(text);
    if (!parsed) return undefined;
    const canonical = `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, '');
    return text === canonical ? text : undefined;
  },
};

export interface Mailbox {
  /** Empty when there is only an address. */
  readonly name: string;
  readonly address: string;
}

/** Narrower than RFC 5322: what every mail server takes, and nothing that could be taken for two addresses. */
export const mailbox: Parser<Mailbox> = {
  expected: 'an address as in auth@example.org or Example <auth@example.org>',
  parse: (text) => {
    const [, name = '', bracketed] = /^([^<>"\p{Cc}]*)<([^<>]*)>$/u.exec(text) ?? [];
    const address = bracketed ?? text;
    return /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$/.test(address)
      ? Object.freeze({ name: name.trim(), address })
      : undefined;
  },
};

/** Host names as they stand in addresses, separated by commas. */
export const domains = list('domains such as example.org', (item) =>
  /^([a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63}$/.test(item) ? item : undefined,
);

/** Exact origins (RFC 6454), separated by commas. */
export const origins = list('exact origins such as https://app.example.org (never *)', (item) =>
  httpUrl(item)?.origin === item && !item.includes('*') ? item : undefined,
);

/** Names of roles, separated by commas. */
export const roleNames = list('names of roles', (item) => (/^[^\s\p{Cc},]+$/u.test(item) ? item : undefined));

/** IP addresses or CIDR blocks, separated by commas. */
export const networks = list('IP addresses or CIDR blocks such as 10.0.0.0/8', (item) => {
  const [address = '', prefix = '0', ...rest] = item.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || !/^\d{1,3}$/.test(prefix)) return undefined;
  return Number(prefix) <= (family === 4 ? 32 : 128) ? item : undefined;
});

/** 32 bytes in base64 or base64url, with or without padding. */
export const key256: Parser<Buffer> = {
  expected: '32 bytes in base64, as `openssl rand -base64 32` prints them',
  parse: (text) => {
    const bytes = Buffer.from(text, 'base64');
    return /^[\w+/-]{43}=?$/.test(text) && bytes.length === 32 ? bytes : undefined;
  },
};

function list(items: string, parseItem: (item: string) => string | undefined): Parser<readonly string[]> {
  return {
    expected: `${items}, separated by commas`,
    parse: (text) => {
      const parsed = text.split(',').map((item) => parseItem(item.trim()));
      return parsed.every((item) => item !== undefined) ? parsed : undefined;
    },
  };
}

function httpUrl(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const parsed = new URL(text);
  return parsed.protocol === 'http:' || parsed.protocol === 'https:' ? parsed : undefined;
}

function within(min: number, max: number, value: number): number | undefined {
  return value >= min && value <= max ? value : undefined;
}

function inLargestUnit(seconds: number): string {
  const unit = ['d', 'h', 'm'].find((name) => seconds > 0 && seconds % (SECONDS_PER_UNIT[name] ?? NaN) === 0) ?? 's';
  return `${seconds / (SECONDS_PER_UNIT[unit] ?? 1)}${unit}`;
}
