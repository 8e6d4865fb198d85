import { Module } from '@nestjs/common';
import { ValidityWindow, WindowFollower } from '@portcullis/verifier';
import { FeedController } from './feed.controller.js';
import { FeedService } from './feed.service.js';
import { PostgresValiditySource } from './postgres-source.js';
import { SubscribersService } from './subscribers.service.js';
import { WindowKeeper } from './window-keeper.js';

/** How often an instance looks for news (ms), while it decides on an older window or somebody follows through it. */
const POLL_INTERVAL = 25;
/** How long an instance may load the window when it starts (ms): a million events take some seconds. */
const LOAD_TIMEOUT = 30_000;

/** The validity window: what ended which tokens, followed from Postgres, kept as long as it matters. */
@Module({
  controllers: [FeedController],
  providers: [
    FeedService,
    SubscribersService,
    PostgresValiditySource,
    {
      provide: WindowFollower,
      inject: [PostgresValiditySource],
      useFactory: (source: PostgresValiditySource): WindowFollower => {
        const follower = new WindowFollower((after, signal) => source.catchUp(after, signal), new ValidityWindow(), {
          loadTimeoutMs: LOAD_TIMEOUT,
        });
        follower.poll(POLL_INTERVAL);
        return follower;
      },
    },
    WindowKeeper,
  ],
  exports: [WindowFollower],
})
export class ValidityModule {}
