import {
  ConfigurableModuleBuilder,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { createVerifier, Verifier } from '../create-verifier.js';
import { assertNumber } from '../option-checks.js';
import type { VerifierOptions } from '../verifier-options.js';
import { PortcullisGuard } from './guard.js';
import { AccessExceptionFilter } from './refusal.js';

const DEFAULT_READY_TIMEOUT = 30_000;

export interface PortcullisModuleOptions extends VerifierOptions {
  /**
   * For how long the start of the application waits until the verifier is ready, in ms; after that it fails. 30000 by default. 0: it does not wait, and
   * requests get 503 until then.
   */
  readyTimeoutMs?: number;
}

export interface PortcullisModuleExtras {
  /** Whether other modules see `Verifier` and `PortcullisGuard` without importing this one; true by default. */
  isGlobal?: boolean;
  /** Whether `PortcullisGuard` guards every route, so that one which says nothing needs a token; true by default. */
  globalGuard?: boolean;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<PortcullisModuleOptions>({
  moduleName: 'Portcullis',
})
  .setClassMethodName('forRoot')
  .setExtras<PortcullisModuleExtras>({ isGlobal: true, globalGuard: true }, (definition, extras) => ({
    ...definition,
    global: extras.isGlobal !== false,
    providers: [
      ...(definition.providers ?? []),
      ...(extras.globalGuard === false ? [] : [{ provide: APP_GUARD, useExisting: PortcullisGuard }]),
    ],
  }))
  .build();

/** @throws TypeError for options that do not exist or are not safe */
function verifierOf({ readyTimeoutMs = DEFAULT_READY_TIMEOUT, ...options }: PortcullisModuleOptions): Verifier {
  assertNumber('readyTimeoutMs', readyTimeoutMs, { unit: 'ms' });
  return createVerifier(options);
}

/** Provides a `Verifier` that is ready when the application starts and closed when it has shut down, and the guard. */
@Module({
  providers: [
    {
      provide: Verifier,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: verifierOf,
    },
    PortcullisGuard,
    { provide: APP_FILTER, useClass: AccessExceptionFilter },
  ],
  exports: [Verifier, PortcullisGuard],
})
export class PortcullisModule extends ConfigurableModuleClass implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(Verifier) private readonly verifier: Verifier,
    @Inject(MODULE_OPTIONS_TOKEN) private readonly options: PortcullisModuleOptions,
  ) {
    super();
  }

  /** Where the start fails here, nobody calls `onApplicationShutdown`: what follows would keep the process alive. */
  async onModuleInit(): Promise<void> {
    const { readyTimeoutMs = DEFAULT_READY_TIMEOUT } = this.options;
    if (readyTimeoutMs === 0) return;
    try {
      await this.verifier.ready({ timeoutMs: readyTimeoutMs });
    } catch (error) {
      await this.verifier.close();
      throw error;
    }
  }

  /** Not earlier: until its server is closed there are requests to decide. */
  async onApplicationShutdown(): Promise<void> {
    await this.verifier.close();
  }
}
