import { Global, Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { MasterKey } from './master-key.js';
import { ServerSecrets } from './server-secrets.js';

/** The master key, and the secrets that are stored under it. */
@Global()
@Module({
  providers: [
    {
      provide: MasterKey,
      inject: [ENV, DataSource],
      useFactory: (env: Env, dataSource: DataSource) => MasterKey.load(env, dataSource),
    },
    {
      provide: ServerSecrets,
      inject: [MasterKey, DataSource],
      useFactory: (masterKey: MasterKey, dataSource: DataSource) => ServerSecrets.load(masterKey, dataSource),
    },
  ],
  exports: [MasterKey, ServerSecrets],
})
export class MasterKeyModule {}
