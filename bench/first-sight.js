import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import { TokenVerifier, ValidityWindow, WindowFollower, verificationKey } from '@portcullis/verifier';
import { BUILT_IN_PERMISSIONS } from '../dist/src/permissions/built-in.js';
import { accessTokenClaims } from '../dist/src/tokens/access-token-claims.js';
import { inRotation } from './measuring/rotation.js';
import { number, printTable } from './measuring/table.js';

const ISSUER = 'https://auth.example';
const PORTCULLIS = 'TokenVerifier.verify';
const NODE = 'crypto.verify';
const OPENSSL = 'openssl speed';
/** More than the cache below holds, so that none is remembered when its turn comes again. */
const TOKENS = 4000;
const REMEMBERED = 1000;

/** A token that was never seen before: everything from its text to the principal, against the bare check of its signature. */
export async function firstSight({ seconds }) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const tokens = Array.from({ length: TOKENS }, () => mint(privateKey));
  const verifier = verifierOf(publicKey);
  const { results, rounds } = await inRotation(
    {
      [NODE]: perCpuSecond(signatureCheck(publicKey, tokens)),
      [PORTCULLIS]: perCpuSecond(endless(tokens, (token) => verifier.verify(token))),
      ...(openssl(0.1) !== null && { [OPENSSL]: openssl }),
    },
    seconds,
  );
  report(results, rounds, tokens[0]);
}

function mint(privateKey) {
  const facts = {
    now: Date.now() / 1000,
    keepAccess: 3600,
    sessionExpiresAt: Date.now() / 1000 + 3600,
    userId: randomUUID(),
    clientId: 'portcullis',
    audience: [ISSUER],
    roles: ['admin'],
    permissions: BUILT_IN_PERMISSIONS,
    asOf: 1,
  };
  const rules = { issuer: ISSUER, lifetime: 3600, preferredUsername: false };
  const claims = accessTokenClaims(facts, { sessionId: randomUUID(), jti: randomUUID() }, rules);
  const input = `${encode({ alg: 'RS256', kid: 'bench', typ: 'at+jwt' })}.${encode(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
}

function encode(part) {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/** With a window that is always fresh, since what that costs is the matter of another benchmark. */
function verifierOf(publicKey) {
  const key = verificationKey('bench', publicKey);
  const source = async () => ({ seq: 1, floor: 0, keepSeconds: 3600, keepAccessSeconds: 3600, events: [] });
  const follower = new WindowFollower(source, new ValidityWindow());
  const keys = { get: () => key, refresh: async () => undefined };
  const verifier = new TokenVerifier({
    issuer: ISSUER,
    audience: ISSUER,
    keys,
    follower,
    cache: { maxEntries: REMEMBERED },
  });
  return { verify: (token) => verifier.verify(token, { maxStalenessMs: Infinity }) };
}

function signatureCheck(publicKey, tokens) {
  const parts = tokens.map((token) => {
    const end = token.lastIndexOf('.');
    return { input: Buffer.from(token.slice(0, end)), signature: Buffer.from(token.slice(end + 1), 'base64url') };
  });
  return endless(parts, ({ input, signature }) => {
    if (!verify('sha256', input, publicKey, signature)) throw new Error('a good signature was found bad');
  });
}

/** A function that does one after the other, and starts again. */
function endless(items, one) {
  let next = 0;
  return () => one(items[next++ % items.length]);
}

function perCpuSecond(one) {
  return async (seconds) => {
    const began = process.cpuUsage();
    const end = performance.now() + seconds * 1000;
    let calls = 0;
    for (; performance.now() < end; calls++) await one();
    const { user, system } = process.cpuUsage(began);
    return { calls, rate: (calls / (user + system)) * 1e6 };
  };
}

/** OpenSSL's own figure, also by CPU time; null where there is no such program. */
function openssl(seconds) {
  const { status, stdout } = spawnSync('openssl', ['speed', '-seconds', String(Math.ceil(seconds)), 'rsa2048']);
  if (status !== 0) return null;
  const line = String(stdout).trim().split('\n').at(-1);
  return { calls: Infinity, rate: Number(line.split(/\s+/).at(-1)) };
}

function report(results, rounds, token) {
  const raw = results[OPENSSL] ?? results[NODE];
  console.log(
    `\nFirst sight of a token of ${token.length} characters, RS256 with 2048 bits. Node ${process.versions.node};`,
  );
  console.log(`per second of one core's time, medians of ${rounds} slices in rotation.\n`);
  printTable(
    ['', 'per second', 'ratio'],
    Object.entries(results).map(([name, { rate }]) => [name, number(rate), number(rate / raw.rate, 2)]),
  );
}
