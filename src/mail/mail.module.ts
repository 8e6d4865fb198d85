import { Module } from '@nestjs/common';
import { ENV, type Env } from '../../config/env.js';
import { AuditModule } from '../audit/audit.module.js';
import { MailQueue } from './mail-queue.js';
import { MailTemplates } from './mail-templates.js';
import { MAIL_TRANSPORT, mailTransport } from './mail-transport.js';
import { MailWorker } from './mail-worker.js';
import { MailWriters } from './mail-writers.js';

/** Mails: asked for in the transaction of an act, sent in the background. What is in them is for the rooms to say that ask. */
@Module({
  imports: [AuditModule],
  providers: [
    MailQueue,
    MailWriters,
    MailWorker,
    { provide: MailTemplates, inject: [ENV], useFactory: (env: Env) => MailTemplates.load(env.mail.templates) },
    { provide: MAIL_TRANSPORT, inject: [ENV], useFactory: mailTransport },
  ],
  exports: [MailQueue, MailWriters, MailWorker],
})
export class MailModule {}
