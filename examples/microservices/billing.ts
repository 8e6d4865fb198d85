import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Principal, VerifierOptions } from '@portcullis/verifier';
import { CurrentPrincipal, PortcullisModule, Public, Requires } from '@portcullis/verifier/nest';

@Controller()
class Billing {
  @Get('health')
  @Public()
  health(): object {
    return { status: 'ok' };
  }

  @Get('invoices')
  @Requires({ permissions: ['invoices:read'] })
  invoices(@CurrentPrincipal() { subject }: Principal): object {
    return { invoices: [17, 42], for: subject };
  }
}

/** The service, ready to listen: every route of it needs an accepted token, unless it says that it is public. */
export async function createBilling(verifier: VerifierOptions): Promise<NestFastifyApplication> {
  @Module({ imports: [PortcullisModule.forRoot(verifier)], controllers: [Billing] })
  class BillingModule {}

  const app = await NestFactory.create<NestFastifyApplication>(BillingModule, new FastifyAdapter(), {
    logger: ['warn', 'error'],
  });
  return app.enableShutdownHooks();
}
