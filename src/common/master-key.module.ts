import { Global, Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { MasterKey } from './master-key.js';

@Global()
@Module({
  providers: [
    {
      provide: MasterKey,
      inject: [ENV, DataSource],
      useFactory: (env: Env, dataSource: DataSource) => MasterKey.load(env, dataSource),
    },
  ],
  exports: [MasterKey],
})
export class MasterKeyModule {}
