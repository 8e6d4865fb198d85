import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { invalidFields, unavailable, type Problem } from '../common/problem.js';
import { prepared } from '../database/prepared.js';
import { KeysService } from '../keys/keys.service.js';
import { audiencesAmong, clockAndKey, type MintingFacts } from './minting-facts.js';
import { chooseSigner, type AudienceProblem, type IssuerKeys } from './signing-choice.js';

const AUDIENCES = `SELECT ${clockAndKey('$1')}, $2::text[] AS audience, ${audiencesAmong('$2::text[]')} AS audiences`;

/** Says before anything is done for a token whether there could be one for the audiences that it is asked for. */
@Injectable()
export class TokenAudiences {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly keys: KeysService,
  ) {}

  /**
   * Whom tokens are for: the audiences asked for, each once; the issuer itself where none is.
   *
   * @throws Problem 400 that names each unknown or unfit audience by its place in the request
   */
  async require(requested: readonly string[] | undefined): Promise<string[]> {
    const { issuer } = this.env;
    const audience = [...new Set(requested ?? [issuer])];
    if (audience.every((name) => name === issuer)) return audience;
    const problems = await this.problemsOf(audience);
    if (problems.length > 0) throw unmintable(problems, requested ?? []);
    return audience;
  }

  /** What is wrong with a token for these audiences; empty when nothing is. */
  async problemsOf(audience: readonly string[]): Promise<AudienceProblem[]> {
    const choice = chooseSigner(await this.read(audience), this.issuerKeys());
    return choice.kind === 'refuse' ? choice.problems : [];
  }

  /**
   * What is known about the audience of a token to be generated, and the key that signs for it. The broker's audience need not be registered.
   *
   * @throws Problem 400
   */
  async signerOf(audience: string): Promise<{ facts: MintingFacts; kid: string }> {
    for (let made = false; ; made = true) {
      const facts = await this.read([audience]);
      const choice = chooseSigner(facts, { ...this.issuerKeys(), unregistered: this.env.brokerAudience });
      if (choice.kind === 'refuse') throw unmintable(choice.problems, audience);
      if (choice.kind === 'sign') return { facts, kid: choice.kid };
      if (made) throw unavailable('Keys are being revoked faster than others can be made.');
      await this.keys.ensureActive(choice.algorithm);
    }
  }

  private issuerKeys(): IssuerKeys {
    return { issuer: this.env.issuer, algorithm: this.env.signingAlgorithm };
  }

  private async read(audience: readonly string[]): Promise<MintingFacts> {
    const values = [this.env.signingAlgorithm, audience];
    const [facts] = await prepared<MintingFacts>(this.dataSource, this.env, 'audiences', AUDIENCES, values);
    if (!facts) throw new Error('a statement without a table gave no row');
    return facts;
  }
}

/** @param requested as the request has them: several by their places, or the one */
export function unmintable(problems: readonly AudienceProblem[], requested: readonly string[] | string): Problem {
  return invalidFields(
    problems.flatMap(({ audience, message }) => {
      if (typeof requested === 'string') return [{ field: 'audience', message }];
      return requested.flatMap((name, index) => (name === audience ? [{ field: `audience.${index}`, message }] : []));
    }),
  );
}
