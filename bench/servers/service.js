import { Controller, Get, Module } from '@nestjs/common';
import { readEnv } from '../../dist/config/env.js';
import { AppModule } from '../../dist/src/app.module.js';
import { Public, Requires } from '../../dist/src/common/access.js';
import { createLogger } from '../../dist/src/common/logging.js';
import { startService } from '../../dist/src/service.js';
import { answerParent } from '../measuring/answer-parent.js';
import { ANSWER } from './answer.js';

/** Routes that do nothing, since every route of the product does something besides being guarded. */
class BenchController {
  guarded() {
    return ANSWER;
  }

  open() {
    return ANSWER;
  }
}

decorate('guarded', Get('bench/guarded'), Requires('users:read'));
decorate('open', Get('bench/open'), Public());
Controller()(BenchController);
// Nest adds what the decorator says to what `AppModule.in` gives.
Module({ controllers: [BenchController] })(AppModule);

const env = readEnv();
let service;

answerParent(
  {
    async listen() {
      service = await startService(env, createLogger(env), () => undefined);
      return { port: Number(new URL(service.url).port) };
    },
  },
  () => service?.stop(),
);

function decorate(method, ...decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(BenchController.prototype, method);
  for (const decorator of decorators) decorator(BenchController.prototype, method, descriptor);
}
