import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import type { Env } from '../../config/env.js';
import type { Template } from './template.js';
import { smtpOptions } from './smtp-options.js';

/** What is sent, ready: nobody who reads it on the way needs to know anything else. */
export interface Mail extends Template {
  /** One address (see `isSendable`). */
  to: string;
}

/** Where mails go. */
export interface MailTransport {
  /** For the log, without credentials. */
  readonly where: string;
  /** Resolves when somebody else is answerable for the mail. */
  send(mail: Mail): Promise<void>;
}

export const MAIL_TRANSPORT = Symbol('MAIL_TRANSPORT');

export function mailTransport({ smtpUrl, dataDir, mail: { from } }: Env): MailTransport {
  const message = ({ to, subject, text, html }: Mail) => ({
    // A copy: nodemailer writes into it.
    from: { ...from },
    // As an object, so that nothing in it is parsed as a list.
    to: { name: '', address: to },
    subject,
    text,
    html,
    // RFC 3834 section 5: no answer is wanted from a machine.
    headers: { 'Auto-Submitted': 'auto-generated' },
  });
  return smtpUrl === null ? outbox(join(dataDir, 'outbox'), message) : smtp(smtpUrl, message);
}

type Message = (mail: Mail) => object;

function smtp(url: string, message: Message): MailTransport {
  const options = smtpOptions(url);
  const transporter = createTransport(options);
  return {
    where: `to ${String(options.host)}, port ${String(options.port)}`,
    send: async (mail) => {
      await transporter.sendMail(message(mail));
    },
  };
}

/** One file per mail, in the order of their names. Each is there whole or not at all, and for its owner only: links in it are as good as in a mailbox. */
function outbox(directory: string, message: Message): MailTransport {
  const transporter = createTransport({ streamTransport: true, buffer: true });
  return {
    where: `into files in ${directory}, as PORTCULLIS_SMTP_URL is not given`,
    send: async (mail) => {
      const { message: content } = await transporter.sendMail(message(mail));
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const name = join(directory, `${new Date().toISOString().replaceAll(':', '-')}-${randomUUID()}`);
      await writeFile(`${name}.part`, content as Buffer, { mode: 0o600, flag: 'wx' });
      await rename(`${name}.part`, `${name}.eml`);
    },
  };
}
