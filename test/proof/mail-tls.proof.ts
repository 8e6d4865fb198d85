import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { selfSigned, type Certificate } from '../support/certificate.js';
import { MailServer, type MailServerOptions } from '../support/mail-server.js';

/** Leads to this machine as 127.0.0.1 does, but is no loopback address to the service, which therefore takes it for another machine. */
const ELSEWHERE = '0.0.0.0';
const ACCOUNT = { user: 'portcullis', pass: 'p@ss: word' };
const LOGIN = `${ACCOUNT.user}:${encodeURIComponent(ACCOUNT.pass)}@`;

/** Sends one mail as the service does, and says what became of it in its words. A process of its own, since Node reads whom to trust when it starts. */
const SENDER = `
const { mailTransport } = await import(process.argv[1] + '/dist/src/mail/mail-transport.js');
const { describeFailure } = await import(process.argv[1] + '/dist/src/mail/mail-retry.js');
const mail = { from: { name: '', address: 'auth@example.org' } };
await mailTransport({ smtpUrl: process.argv[2], dataDir: '', mail })
  .send({ to: 'ann@example.org', subject: 'A link', text: 'psu_secret', html: '' })
  .then(() => console.log('sent'), (error) => console.log(describeFailure(error)));
`;

let directory: string;
let good: Certificate;
let another: Certificate;
let mailServer: MailServer | null = null;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-tls-'));
  good = selfSigned('127.0.0.1', ELSEWHERE);
  another = selfSigned('127.0.0.1');
  writeFileSync(join(directory, 'root.pem'), `${good.cert}${another.cert}`);
});
afterEach(async () => {
  await mailServer?.stop();
  mailServer = null;
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

interface Case {
  server: MailServerOptions;
  /** Without the port, which is put in the place of `PORT`. */
  url: string;
  trusted: boolean;
}

async function outcome({ server, url, trusted }: Case): Promise<{ said: string; server: MailServer }> {
  mailServer = await MailServer.start(server);
  const env = { PATH: process.env['PATH'], ...(trusted && { NODE_EXTRA_CA_CERTS: join(directory, 'root.pem') }) };
  const to = url.replace('PORT', mailServer.port.toString());
  const args = ['--input-type=module', '-e', SENDER, process.cwd(), to];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 30_000 });
  return { said: stdout.trim(), server: mailServer };
}

const starttls = (certificate: Certificate) => ({ tls: { ...certificate, from: 'STARTTLS' as const } });
const smtps = (certificate: Certificate) => ({ tls: { ...certificate, from: 'the start' as const } });

describe('a mail', () => {
  it.each<[string, () => Case, { secure: boolean; user?: string }]>([
    [
      'by STARTTLS, with a certificate that is trusted',
      () => ({ server: starttls(good), url: `smtp://${ELSEWHERE}:PORT`, trusted: true }),
      { secure: true },
    ],
    [
      'by TLS from the start, with a certificate that is trusted',
      () => ({ server: smtps(good), url: `smtps://${ELSEWHERE}:PORT`, trusted: true }),
      { secure: true },
    ],
    [
      'by STARTTLS, with a password',
      () => ({
        server: { ...starttls(good), account: ACCOUNT },
        url: `smtp://${LOGIN}${ELSEWHERE}:PORT`,
        trusted: true,
      }),
      { secure: true, user: ACCOUNT.user },
    ],
    [
      'by TLS from the start, with a password',
      () => ({ server: { ...smtps(good), account: ACCOUNT }, url: `smtps://${LOGIN}127.0.0.1:PORT`, trusted: true }),
      { secure: true, user: ACCOUNT.user },
    ],
    [
      'in the clear, where that is allowed and there is no STARTTLS',
      () => ({ server: {}, url: `smtp://${ELSEWHERE}:PORT?tls=optional`, trusted: false }),
      { secure: false },
    ],
    [
      'by STARTTLS, where that is optional and there is one',
      () => ({ server: starttls(good), url: `smtp://${ELSEWHERE}:PORT?tls=optional`, trusted: true }),
      { secure: true },
    ],
    [
      'in the clear, within the machine',
      () => ({ server: {}, url: 'smtp://127.0.0.1:PORT', trusted: false }),
      { secure: false },
    ],
  ])('is sent %s', async (name, how, expected) => {
    const { said, server } = await outcome(how());
    expect([said, server.mails.length]).toEqual(['sent', 1]);
    expect(server.mails[0]).toMatchObject({ recipients: ['ann@example.org'], ...expected });
    console.log(`proof: sent ${name}`);
  });

  it.each<[string, () => Case, RegExp]>([
    [
      'by STARTTLS to whom nobody vouches for',
      () => ({ server: starttls(good), url: `smtp://${ELSEWHERE}:PORT`, trusted: false }),
      /self-signed/,
    ],
    [
      'by TLS from the start to whom nobody vouches for',
      () => ({ server: smtps(good), url: `smtps://127.0.0.1:PORT`, trusted: false }),
      /self-signed/,
    ],
    [
      'in the clear, where STARTTLS is optional and its certificate is nobody’s',
      () => ({ server: starttls(good), url: `smtp://${ELSEWHERE}:PORT?tls=optional`, trusted: false }),
      /self-signed/,
    ],
    [
      'within the machine in the clear, where STARTTLS is offered and its certificate is nobody’s',
      () => ({ server: starttls(good), url: 'smtp://127.0.0.1:PORT', trusted: false }),
      /self-signed/,
    ],
    [
      'to a server with the certificate of another one',
      () => ({ server: starttls(another), url: `smtp://${ELSEWHERE}:PORT`, trusted: true }),
      /altnames|does not match/,
    ],
    [
      'in the clear to another machine that offers no STARTTLS',
      () => ({ server: {}, url: `smtp://${ELSEWHERE}:PORT`, trusted: true }),
      /STARTTLS|answered 50\d/,
    ],
    [
      'in the clear with a password, whatever the URL says',
      () => ({ server: { account: ACCOUNT }, url: `smtp://${LOGIN}${ELSEWHERE}:PORT?tls=optional`, trusted: true }),
      /STARTTLS|answered 50\d/,
    ],
    [
      'with a wrong password',
      () => ({ server: { ...smtps(good), account: ACCOUNT }, url: `smtps://eve:x@127.0.0.1:PORT`, trusted: true }),
      /answered 535/,
    ],
  ])('is not sent %s', async (name, how, why) => {
    const { said, server } = await outcome(how());
    expect(said).toMatch(why);
    expect([server.begun, server.mails.length]).toEqual([0, 0]);
    expect(server.passwords).toBe(name.includes('wrong') ? 1 : 0);
    console.log(`proof: not sent ${name}: ${said}`);
  });
});
