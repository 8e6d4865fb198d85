import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';

/** Tells the database for how long the name of a deleted user is kept from others: it is triggers that keep it, whoever deletes. */
@Injectable()
export class NameQuarantine implements OnApplicationBootstrap {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.dataSource.query(
      'UPDATE name_quarantine SET keep_for = make_interval(secs => $1) WHERE keep_for <> make_interval(secs => $1)',
      [this.env.nameQuarantine],
    );
  }
}
