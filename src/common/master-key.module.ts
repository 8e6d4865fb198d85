import { Global, Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ENV } from '../../config/env.js';
import { MasterKey } from './master-key.js';

@Global()
@Module({
  providers: [{ provide: MasterKey, inject: [ENV, DataSource], useFactory: MasterKey.load }],
  exports: [MasterKey],
})
export class MasterKeyModule {}
