import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import type { Certificate } from './certificate.js';
import { until } from './until.js';

/** A mail as its reader sees it, and whom the envelope names. */
export interface Received extends Email {
  recipients: string[];
  raw: string;
  /** Whether it came over TLS. */
  secure: boolean;
  /** Who had logged in to send it. */
  user: string | undefined;
}

export interface MailServerOptions {
  /** Offers STARTTLS with it, or speaks TLS from the start. */
  tls?: Certificate & { from: 'the start' | 'STARTTLS' };
  /** Takes mails of this account alone, which may log in over TLS only. */
  account?: { user: string; pass: string };
}

/** A real SMTP server on loopback that keeps what it is sent, or refuses it. */
export class MailServer {
  readonly mails: Received[] = [];
  /** What it says to each recipient in place of taking the mail: 451 to come back later, 550 for good. */
  refusal: 451 | 550 | null = null;
  refused = 0;
  /** How many mails were begun, whatever became of them. */
  begun = 0;
  /** How many passwords it was shown. */
  passwords = 0;
  private readonly server: SMTPServer;

  private constructor({ tls, account }: MailServerOptions) {
    this.server = new SMTPServer({
      ...(tls && { key: tls.key, cert: tls.cert, secure: tls.from === 'the start' }),
      authOptional: account === undefined,
      disabledCommands: tls ? [] : ['STARTTLS'],
      logger: false,
      onAuth: ({ username, password }, _session, callback) => {
        this.passwords++;
        const right = username === account?.user && password === account?.pass;
        callback(right ? null : new Error('no'), { user: username });
      },
      onMailFrom: (_address, _session, callback) => {
        this.begun++;
        callback();
      },
      onRcptTo: (_address, _session, callback) => {
        if (this.refusal !== null) this.refused++;
        callback(this.refusal === null ? null : Object.assign(new Error('no'), { responseCode: this.refusal }));
      },
      onData: (stream, session, callback) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const raw = Buffer.concat(chunks).toString('utf8');
          void PostalMime.parse(raw).then((email) => {
            const recipients = session.envelope.rcptTo.map(({ address }) => address);
            const user = session.user as string | undefined;
            this.mails.push({ ...email, recipients, raw, secure: session.secure, user });
            callback();
          });
        });
      },
    });
  }

  static async start(options: MailServerOptions = {}): Promise<MailServer> {
    const mailServer = new MailServer(options);
    mailServer.server.on('error', () => undefined);
    const listener = mailServer.server.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return mailServer;
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.server.server.address() as AddressInfo).port;
  }

  to(address: string): Received[] {
    return this.mails.filter(({ recipients }) => recipients.includes(address));
  }

  /** Mail number `count` (from 1) to this address, once it is there. */
  async mailTo(address: string, count = 1): Promise<Received> {
    await until(`mail ${count} to ${address} is there`, () => this.to(address).length >= count);
    return this.to(address)[count - 1] as Received;
  }

  /** The token in the link of mail number `count` (from 1) to this address. */
  async tokenTo(address: string, count = 1): Promise<string> {
    return tokenIn(await this.mailTo(address, count));
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.server.close(resolve));
  }
}

export function tokenIn({ text = '' }: Email): string {
  const [, token] = /\?token=(\S+)/.exec(text) ?? [];
  if (token === undefined) throw new Error(`there is no link in: ${text}`);
  return decodeURIComponent(token);
}
