import { Option, type Command } from 'commander';
import { SYSTEM } from '../common/principal.js';
import { importKey } from '../keys/key-import.js';
import { signBytes } from '../keys/signature.js';
import { GeneratedTokens } from '../tokens/generated-tokens.service.js';
import { readTokenPermissions } from '../tokens/token-permissions.js';
import { invalidFields } from '../common/problem.js';
import { withApplication } from './application.js';
import { CliError } from './failure.js';
import { readInput, readSecret } from './input.js';
import { print } from './output.js';
import { duration, seconds } from './values.js';

interface SignOptions {
  ttl: number;
  audience?: string;
  subject?: string;
  role?: string[];
  permission?: string[];
  permissions?: string;
  claims?: string;
  key?: string;
  passphraseFile?: string;
  pss?: boolean;
  kid?: string;
  typ: string;
}

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
    .option('--role <name...>')
    .option('--permission <name...>')
    .option(
      '--permissions <path>',
      'a JSON file with {"sub": [], "pub": [], "all": []}, for a message broker (- is standard input)',
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
      const token = options.key === undefined ? await generate(options) : await signOffline(options, options.key);
      print(command, token, token.access_token);
    });
}

async function generate({ audience, subject, ttl, role, permission, permissions, claims }: SignOptions) {
  if (audience === undefined) throw new CliError('Say with --audience whom the token is for.');
  if (subject === undefined) throw new CliError('Say with --subject whom the token is about.');
  const wanted = readTokenPermissions(permissions === undefined ? permission : jsonIn(permissions));
  if ('errors' in wanted) throw invalidFields(wanted.errors);
  const order = {
    audience,
    subject,
    ttlSeconds: ttl,
    roles: role ?? [],
    permissions: wanted,
    notBefore: null,
    claims: claims === undefined ? {} : jsonIn(claims),
  };
  return withApplication(async (application) => {
    // The operator's right rests on no token, so that no event ends it.
    const authority = { actor: SYSTEM, asOf: 0, events: [], roles: [], tokenId: null };
    const { accessToken, expiresIn, jti, warnings } = await application
      .get(GeneratedTokens, { strict: false })
      .generate(authority, order);
    return { access_token: accessToken, expires_in: expiresIn, jti, ...(warnings && { warnings }) };
  });
}

async function signOffline(options: SignOptions, path: string): Promise<{ access_token: string; expires_in: number }> {
  const passphrase = options.passphraseFile === undefined ? undefined : readSecret(options.passphraseFile);
  const key = await importKey(readInput(path), { passphrase, pss: options.pss });
  const iat = Math.floor(seconds());
  const payload = {
    ...(options.subject !== undefined && { sub: options.subject }),
    ...(options.audience !== undefined && { aud: options.audience }),
    iat,
    exp: iat + options.ttl,
    ...(options.claims !== undefined && jsonIn(options.claims)),
  };
  const header = { alg: key.algorithm, typ: options.typ, kid: options.kid ?? key.kid };
  const input = `${encoded(header)}.${encoded(payload)}`;
  const signature = await signBytes(key.algorithm, key.privateKey, Buffer.from(input, 'latin1'));
  return { access_token: `${input}.${signature.toString('base64url')}`, expires_in: payload.exp - iat };
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function jsonIn(path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readInput(path));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`${path} is no JSON.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CliError(`${path} is no JSON object.`);
  return value as Record<string, unknown>;
}
