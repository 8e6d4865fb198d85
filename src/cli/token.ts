import { Option, type Command } from 'commander';
import type { Algorithm, JsonObject } from '@portcullis/verifier';
import type { Explained } from '../tokens/explain.service.js';
import { CliError } from './cli-error.js';
import { readInput } from './input.js';
import { decodeJwt } from './jwt-text.js';
import { keyFromFile, keysFromJwks } from './offline-keys.js';
import {
  algorithmRefusal,
  claimsRefusal,
  refused,
  verifyOffline,
  type Expectations,
  type Refused,
} from './offline-verification.js';
import { print } from './output.js';
import { requireUnused } from './unused-options.js';
import { signCommand } from './token-sign.js';
import { duration, seconds } from './values.js';

const ALGORITHMS: readonly Algorithm[] = [
  ...(['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA'] as const),
];

interface VerifyOptions {
  key?: string;
  jwks?: string;
  issuer?: string;
  audience?: string;
  algorithms?: Algorithm[];
  maxAge?: number;
  allowInsecure?: boolean;
}

/** `portcullis token …` */
export function tokenCommands(program: Command): void {
  const tokens = program
    .command('token')
    .description('sign, verify, decode and explain tokens')
    .addHelpText('after', '\nExample:\n  portcullis token verify eyJ… --jwks https://auth.example.org/jwks.json');

  tokens
    .command('verify <token>')
    .description(
      'say whether a token is accepted, or why not (status 1); with --key or --jwks by its signature and claims alone, else as the service would',
    )
    .addOption(new Option('--key <path>', 'a public key, private key or JWK, or a secret in base64').conflicts('jwks'))
    .option('--jwks <url or path>', 'a JWKS, by URL or from a file; redirects are not followed')
    .option('--allow-insecure', 'take a JWKS by plain HTTP from beyond this machine, with --jwks')
    .option('--issuer <iss>', 'the issuer it must be of')
    .option('--audience <aud>', 'the audience it must be for')
    .addOption(new Option('--algorithms <names...>', 'the algorithms allowed').choices(ALGORITHMS))
    .option('--max-age <duration>', 'refuse what was issued longer ago (300, 15m, 24h)', duration)
    .addHelpText(
      'after',
      '\nThe token is - to be read from standard input.\n\nExamples:\n  portcullis token verify eyJ… --jwks https://auth.example.org/jwks.json --issuer https://auth.example.org\n  portcullis token verify eyJ…',
    )
    .action(async (token: string, options: VerifyOptions, command: Command) => {
      if (options.jwks === undefined) requireUnused(command, ['allowInsecure'], '--jwks');
      const text = textOf(token);
      const verdict =
        options.key === undefined && options.jwks === undefined
          ? await decide(text, options)
          : await check(text, options);
      print(
        command,
        { ...verdict },
        verdict.accepted ? accepted(verdict.claims) : `refused: ${verdict.reason} (${verdict.detail})`,
      );
      if (!verdict.accepted) process.exitCode = 1;
    });

  tokens
    .command('decode <token>')
    .description('show what stands in a token; nothing is verified')
    .addHelpText(
      'after',
      '\nThe token is - to be read from standard input.\n\nExample:\n  portcullis token decode eyJ…',
    )
    .action((token: string, _options: object, command: Command) => {
      const { header, payload } = decodeJwt(textOf(token));
      print(command, { header, payload }, JSON.stringify({ header, payload }, null, 2));
    });

  tokens
    .command('explain <token>')
    .description(
      'answer the five questions that the service asks of every token, one by one (status 1 when it is refused)',
    )
    .addHelpText(
      'after',
      '\nThe token is - to be read from standard input.\n\nExample:\n  portcullis token explain eyJ…',
    )
    .action(async (token: string, _options: object, command: Command) => {
      const explained = await explain(textOf(token));
      const lines = explained.questions.map(
        ({ question, answer, facts }) => `${mark(answer)} ${question.padEnd(22)} ${JSON.stringify(facts)}`,
      );
      const verdict = explained.accepted ? 'accepted' : `refused: ${explained.reason ?? ''}`;
      print(command, { ...explained }, [verdict, ...lines].join('\n'));
      if (!explained.accepted) process.exitCode = 1;
    });
  signCommand(tokens);
}

/** Loaded when it is needed: what works offline need not wait for the whole service. */
async function explain(token: string): Promise<Explained> {
  const { explainToken } = await import('./token-explanation.js');
  return explainToken(token);
}

type Answer = { accepted: true; claims: unknown } | Refused;

/** As the service decides, by the window; and by what else was asked for. */
async function decide(token: string, { maxAge, issuer, audience, algorithms }: VerifyOptions): Promise<Answer> {
  const { accepted, reason = 'malformed' } = await explain(token);
  if (!accepted) return refused(reason, 'portcullis token explain tells more');
  const { header, payload } = decodeJwt(token) as { header: { alg: string }; payload: JsonObject };
  const expected = { issuer, audience, algorithms };
  const refusal =
    algorithmRefusal(header.alg, expected) ?? claimsRefusal(payload, { ...expected, maxAgeSeconds: maxAge }, seconds());
  return refusal ?? { accepted: true, claims: payload };
}

async function check(
  token: string,
  { key, jwks, allowInsecure = false, maxAge, ...expected }: VerifyOptions,
): Promise<Answer> {
  const findKey =
    key === undefined ? await keysFromJwks(jwks ?? '', allowInsecure) : await keyFromFile(key, expected.algorithms);
  const expectations: Expectations = { ...expected, maxAgeSeconds: maxAge };
  return verifyOffline(token, findKey, expectations, seconds());
}

function accepted(claims: unknown): string {
  return `accepted\n${JSON.stringify(claims, null, 2)}`;
}

function mark(answer: boolean | null): string {
  if (answer === null) return ' - ';
  return answer ? 'yes' : 'NO ';
}

/** @throws CliError */
function textOf(token: string): string {
  const text = (token === '-' ? readInput('-') : token).trim().replace(/^Bearer\s+/i, '');
  if (text === '') throw new CliError('There is no token.');
  return text;
}
