import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import type * as Ceremonies from './webauthn-ceremonies.js';

/** Milliseconds after the service has begun to listen. Whoever waited for its start has then been answered. */
const PRELOADED_AFTER = 5_000;

/**
 * What makes and checks the messages of WebAuthn. It takes a tenth of a start to load, so no start waits for it: it is loaded a little later, or for who
 * comes before that.
 */
@Injectable()
export class WebAuthn implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(WebAuthn.name);
  private preloading: NodeJS.Timeout | undefined;

  constructor(private readonly http: HttpAdapterHost) {}

  onModuleInit(): void {
    // The command line has no server, and so nobody with a passkey.
    const adapter = this.http.httpAdapter as AbstractHttpAdapter | undefined;
    adapter?.getInstance<FastifyInstance>().addHook('onListen', (done: () => void) => {
      this.preloading = setTimeout(() => void this.preload(), PRELOADED_AFTER).unref();
      done();
    });
  }

  onApplicationShutdown(): void {
    clearTimeout(this.preloading);
  }

  /** Where it cannot be loaded, those who use passkeys hear of it; nobody else is to. */
  private async preload(): Promise<void> {
    try {
      await this.ceremonies();
    } catch (error) {
      this.logger.error(`WebAuthn cannot be loaded: ${String(error)}`);
    }
  }

  ceremonies(): Promise<typeof Ceremonies> {
    return import('./webauthn-ceremonies.js');
  }
}
