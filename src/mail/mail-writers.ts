import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { TemplateName } from './built-in-templates.js';
import type { DueMail } from './mail-queue.js';
import type { TemplateValues } from './template.js';

/** A mail that still wants its words. */
export interface Letter {
  to: string;
  /** Whose address that is; null where it is nobody's yet. */
  userId: string | null;
  template: TemplateName;
  values: TemplateValues;
}

/**
 * Decides when a mail is about to be sent whether it still is to be, to whom, and with which token, in one transaction. Runs again if sending fails: the token
 * before it is then worth nothing. Null: there is nobody to write to.
 */
export type MailWriter = (manager: EntityManager, due: DueMail) => Promise<Letter | null>;

/** Who writes which kind of mail: the rooms that ask for mails say so when they are built. */
@Injectable()
export class MailWriters {
  private readonly writers = new Map<string, MailWriter>();

  register(kind: string, writer: MailWriter): void {
    if (this.writers.has(kind)) throw new Error(`somebody else writes mails of the kind ${kind}`);
    this.writers.set(kind, writer);
  }

  /** Those that this instance can send. A newer one may have asked for others. */
  get kinds(): string[] {
    return [...this.writers.keys()];
  }

  async write(manager: EntityManager, due: DueMail): Promise<Letter | null> {
    const writer = this.writers.get(due.kind);
    if (!writer) throw new Error(`nobody writes mails of the kind ${due.kind}`);
    return writer(manager, due);
  }
}
