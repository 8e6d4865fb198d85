import { Option, type Command } from 'commander';
import { importKey } from '../keys/key-import.js';
import { signBytes } from '../keys/signature.js';
import { CliError } from './cli-error.js';
import { readInput, readJson, readSecret } from './input.js';
import { print } from './output.js';
import type { SignOptions } from './sign-options.js';
import { requireUnused } from './unused-options.js';
import { duration, seconds } from './values.js';

/** Options that say how a key is used; the service knows that of its own. */
const FOR_A_KEY = ['passphraseFile', 'pss', 'kid', 'typ'];

/** `portcullis token sign` */
export function signCommand(tokens: Command): void {
  tokens
    .command('sign')
    .description(
      'sign a token: by the service, recorded and revocable, or with --key offline, with whatever claims are given',
    )
    .option('--ttl <duration>', 'lifetime (300, 15m, 24h)', duration, 300)
    .option('--audience <identifier>', 'whom it is for')
    .option('--subject <id>', 'whom it is about: a user id, a clientId, or anything for other audiences')
    .addOption(new Option('--role <name...>').conflicts('key'))
    .addOption(new Option('--permission <name...>').conflicts(['key', 'permissions']))
    .addOption(
      new Option(
        '--permissions <path>',
        'a JSON file with {"sub": [], "pub": [], "all": []}, for a message broker (- is standard input)',
      ).conflicts('key'),
    )
    .option('--claims <path>', 'a JSON file with more claims (- is standard input)')
    .option('--key <path>', 'a private key in PEM or JWK, or a secret in base64; the database is not asked')
    .option('--passphrase-file <path>', 'the passphrase of --key')
    .option('--pss', 'sign with RSA-PSS (PS256 …); with --key')
    .option('--kid <kid>', 'the kid in the header; with --key')
    .addOption(new Option('--typ <typ>', 'the typ in the header; with --key').default('JWT'))
    .addHelpText(
      'after',
      '\nExamples:\n  portcullis token sign --audience urn:orders --subject batch-7 --ttl 1h\n  portcullis token sign --key key.pem --claims claims.json --ttl 15m',
    )
    .action(async (options: SignOptions, command: Command) => {
      if (options.key === undefined) requireUnused(command, FOR_A_KEY, '--key');
      const token =
        options.key === undefined ? await generate(options) : await signOffline(options, options.key, command);
      print(command, token, token.access_token);
    });
}

/** Loaded when it is needed: what works offline need not wait for the whole service. */
async function generate(options: SignOptions): Promise<{ access_token: string; expires_in: number }> {
  const { generateToken } = await import('./token-generation.js');
  return generateToken(options);
}

/** @throws CliError, KeyRefused */
async function signOffline(
  options: SignOptions,
  path: string,
  command: Command,
): Promise<{ access_token: string; expires_in: number }> {
  const passphrase = options.passphraseFile === undefined ? undefined : readSecret(options.passphraseFile);
  const key = await importKey(readInput(path), { passphrase, pss: options.pss });
  const given = options.claims === undefined ? {} : readJson(options.claims);
  for (const [option, claim] of [
    ['subject', 'sub'],
    ['audience', 'aud'],
    ['ttl', 'exp'],
  ] as const) {
    if (claim in given && command.getOptionValueSource(option) === 'cli')
      throw new CliError(`${claim} stands in --claims, and --${option} says it as well: leave one of them out.`);
  }
  const iat = Math.floor(seconds());
  const payload = {
    ...(options.subject !== undefined && { sub: options.subject }),
    ...(options.audience !== undefined && { aud: options.audience }),
    ...given,
    iat: timeIn(given, 'iat') ?? iat,
    exp: timeIn(given, 'exp') ?? iat + options.ttl,
  };
  timeIn(given, 'nbf');
  const header = { alg: key.algorithm, typ: options.typ, kid: options.kid ?? key.kid };
  const input = `${encoded(header)}.${encoded(payload)}`;
  const signature = await signBytes(key.algorithm, key.privateKey, Buffer.from(input, 'latin1'));
  return { access_token: `${input}.${signature.toString('base64url')}`, expires_in: Math.floor(payload.exp - iat) };
}

/** @throws CliError for one that is no NumericDate (RFC 7519 section 2) */
function timeIn(claims: Record<string, unknown>, name: string): number | undefined {
  const value = claims[name];
  if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value;
  throw new CliError(`${name} in --claims must be a number of seconds since 1970.`);
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
