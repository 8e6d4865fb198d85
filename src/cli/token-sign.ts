import { Option, type Command } from 'commander';
import { importKey } from '../keys/key-import.js';
import { signBytes } from '../keys/signature.js';
import { readInput, readJson, readSecret } from './input.js';
import { print } from './output.js';
import type { SignOptions } from './sign-options.js';
import { duration, seconds } from './values.js';

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

/** Loaded when it is needed: what works offline need not wait for the whole service. */
async function generate(options: SignOptions): Promise<{ access_token: string; expires_in: number }> {
  const { generateToken } = await import('./token-generation.js');
  return generateToken(options);
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
    ...(options.claims !== undefined && readJson(options.claims)),
  };
  const header = { alg: key.algorithm, typ: options.typ, kid: options.kid ?? key.kid };
  const input = `${encoded(header)}.${encoded(payload)}`;
  const signature = await signBytes(key.algorithm, key.privateKey, Buffer.from(input, 'latin1'));
  return { access_token: `${input}.${signature.toString('base64url')}`, expires_in: payload.exp - iat };
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
