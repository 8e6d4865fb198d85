import { writeFileSync } from 'node:fs';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../../config/env.js';
import { AUDIENCE_IDENTIFIER, AUDIENCE_IDENTIFIER_RULE } from '../clients/audience-identifier.js';
import { privateKeyPem, publicKeyJwk } from '../keys/key-export.js';
import { generateSigningKey } from '../keys/key-generation.js';
import { CliError } from './cli-error.js';
import { readInput, readSecret } from './input.js';
import { print, table } from './output.js';
import { requireUnused } from './unused-options.js';

interface ImportOptions {
  passphraseFile?: string;
  state?: 'pending' | 'active' | 'retiring';
  audience?: string;
  pss?: boolean;
  algorithm?: SigningAlgorithm;
}

interface ExportOptions {
  format: 'pem' | 'jwk';
  passphraseFile?: string;
}

/** `portcullis keys …` */
export function keyCommands(program: Command): void {
  const keys = program
    .command('keys')
    .description('signing keys: list, rotate, revoke, import, export, re-wrap; make one offline')
    .addHelpText('after', '\nExample:\n  portcullis keys rotate');

  keys
    .command('generate')
    .description(
      'make a key pair that the service knows nothing of: the private half in an encrypted PEM file, the public half printed as a JWK',
    )
    .addOption(new Option('--algorithm <name>').choices(SIGNING_ALGORITHMS).default('RS256'))
    .requiredOption('--out <path>', 'where the private half goes; an existing file is not overwritten')
    .requiredOption('--passphrase-file <path>', 'the passphrase, 12 characters or more (- is standard input)')
    .addHelpText(
      'after',
      '\nExample:\n  portcullis keys generate --algorithm ES256 --out key.pem --passphrase-file passphrase',
    )
    .action(async (options: { algorithm: SigningAlgorithm; out: string; passphraseFile: string }, command: Command) => {
      const key = await generateSigningKey(options.algorithm);
      write(options.out, await privateKeyPem(key.privateKey, readSecret(options.passphraseFile)));
      const jwk = publicKeyJwk(key);
      print(command, { kid: key.kid, file: options.out, publicJwk: jwk }, JSON.stringify(jwk, null, 2));
    });

  keys
    .command('list')
    .description('list all keys there ever were, newest first')
    .addHelpText('after', '\nExample:\n  portcullis keys list')
    .action(async (_options: object, command: Command) => {
      const { listKeys } = await import('./key-work.js');
      const listed = await listKeys();
      const forPeople = listed.map(({ kid, algorithm, audience, state, createdAt }) => ({
        kid,
        algorithm,
        audience,
        state,
        createdAt,
      }));
      print(command, listed, table(forPeople));
    });

  keys
    .command('rotate')
    .description('make the successor of the key that signs: published now, signing when every verifier can know it')
    .addOption(
      new Option('--algorithm <name>', 'whose key; PORTCULLIS_SIGNING_ALGORITHM by default').choices(
        SIGNING_ALGORITHMS,
      ),
    )
    .addHelpText('after', '\nExample:\n  portcullis keys rotate')
    .action(async (options: { algorithm?: SigningAlgorithm }, command: Command) => {
      const { rotateKey } = await import('./key-work.js');
      const { kid, state } = await rotateKey(options.algorithm);
      print(command, { kid, state });
    });

  keys
    .command('revoke <kid>')
    .description('take a key out of use at once, and with it every token that it signed; another takes its place')
    .option('--reason <text>', 'for the audit trail')
    .addHelpText(
      'after',
      '\nExample:\n  portcullis keys revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs --reason "a backup was stolen"',
    )
    .action(async (kid: string, options: { reason?: string }, command: Command) => {
      const { revokeKey } = await import('./key-work.js');
      print(command, { ...(await revokeKey(kid, options)) });
    });

  keys
    .command('import <path>')
    .description('take over a private key (PEM, JWK) or the HMAC secret of an audience (base64); - is standard input')
    .option('--passphrase-file <path>', 'the passphrase of an encrypted key')
    .addOption(
      new Option(
        '--state <state>',
        'pending: signs when verifiers can know it; active: where nothing signs; retiring: a public half, to verify only',
      ).choices(['pending', 'active', 'retiring']),
    )
    .option('--audience <identifier>', 'the audience that an HMAC secret belongs to', audienceIdentifier)
    .addOption(new Option('--pss', 'an RSA key is to sign with PSS (PS256 …)').conflicts('algorithm'))
    .addOption(
      new Option('--algorithm <name>', 'of a retiring key, where neither a JWK nor its length says it').choices(
        SIGNING_ALGORITHMS,
      ),
    )
    .addHelpText('after', '\nExample:\n  portcullis keys import key.pem --passphrase-file passphrase')
    .action(async (path: string, { passphraseFile, ...options }: ImportOptions, command: Command) => {
      if (options.state === 'retiring') requireUnused(command, ['passphraseFile'], 'a private half');
      else requireUnused(command, ['algorithm'], '--state retiring');
      const text = readInput(path);
      const passphrase = passphraseFile === undefined ? undefined : readSecret(passphraseFile);
      const { importKeyText } = await import('./key-work.js');
      print(command, { ...(await importKeyText(text, { ...options, passphrase })) });
    });

  keys
    .command('export <kid>')
    .description('print the public half; with --passphrase-file the private half, encrypted')
    .addOption(new Option('--format <format>', 'of the public half').choices(['pem', 'jwk']).default('pem'))
    .addOption(
      new Option(
        '--passphrase-file <path>',
        'export the private half as PKCS#8, encrypted under this passphrase of 12 characters or more',
      ).conflicts('format'),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  portcullis keys export <kid> --format jwk\n  portcullis keys export <kid> --passphrase-file passphrase > key.pem',
    )
    .action(async (kid: string, { format, passphraseFile }: ExportOptions, command: Command) => {
      if (passphraseFile !== undefined) {
        const passphrase = readSecret(passphraseFile);
        const { exportPrivateHalf } = await import('./key-work.js');
        const pem = await exportPrivateHalf(kid, passphrase);
        print(command, { kid, privatePem: pem }, pem.trimEnd());
        return;
      }
      const { exportPublicHalf } = await import('./key-work.js');
      const { pem, jwk } = await exportPublicHalf(kid);
      print(
        command,
        { kid, publicPem: pem, publicJwk: jwk },
        format === 'pem' ? pem.trimEnd() : JSON.stringify(jwk, null, 2),
      );
    });

  keys
    .command('rewrap')
    .description(
      'bring everything that is encrypted under PORTCULLIS_MASTER_KEY_PREVIOUS under PORTCULLIS_MASTER_KEY, while instances run',
    )
    .addHelpText('after', '\nSee docs/keys.md for the whole procedure.\n\nExample:\n  portcullis keys rewrap')
    .action(async (_options: object, command: Command) => {
      const { rewrapKeys } = await import('./key-work.js');
      const report = await rewrapKeys();
      print(command, { ...report });
      if (Object.values(report.left).some((rows) => rows > 0)) process.exitCode = 1;
    });
}

/** Only its owner may read it, and nothing that is there is lost. */
function write(path: string, pem: string): void {
  try {
    writeFileSync(path, pem, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new CliError(`${path} cannot be written: ${(error as Error).message}`);
  }
}

function audienceIdentifier(text: string): string {
  if (!AUDIENCE_IDENTIFIER.test(text)) throw new InvalidArgumentError(`It ${AUDIENCE_IDENTIFIER_RULE}.`);
  return text;
}
