import { Module } from '@nestjs/common';
import { ValidityWindow, WindowFollower } from '@portcullis/verifier';
import { ENV, type Env } from '../../config/env.js';
import { PostgresValiditySource } from './postgres-source.js';
import { WindowKeeper } from './window-keeper.js';

/** How often an instance that may decide on an older window looks for news while it serves (ms). */
const POLL_INTERVAL = 25;

/** The validity window: what ended which tokens, followed from Postgres, kept as long as it matters. */
@Module({
  providers: [
    PostgresValiditySource,
    {
      provide: WindowFollower,
      inject: [PostgresValiditySource, ENV],
      useFactory: (source: PostgresValiditySource, env: Env): WindowFollower => {
        const follower = new WindowFollower((after, signal) => source.catchUp(after, signal), new ValidityWindow());
        if (env.maxStalenessMs > 0) follower.poll(POLL_INTERVAL);
        return follower;
      },
    },
    WindowKeeper,
  ],
  exports: [WindowFollower],
})
export class ValidityModule {}
