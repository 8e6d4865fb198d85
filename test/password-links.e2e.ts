import { readFileSync, readdirSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import PostalMime from 'postal-mime';
import { startApp, type TestApp } from './support/app.js';
import { codeOf, enrol, mfaToken, proveTotp } from './support/factors.js';
import { freshName, holderOf } from './support/holders.js';
import type { HttpClient } from './support/http.js';
import { MailServer, tokenIn } from './support/mail-server.js';
import { createPerson, refreshVerdict, signIn, verdict, type Person } from './support/people.js';
import { until } from './support/until.js';

const ISSUER = 'https://auth.example.org';
const NEW_PASSWORD = 'violet otters juggle lanterns';

let app: TestApp;
let admin: HttpClient;
let mailServer: MailServer;
let ann: Person;

beforeAll(async () => {
  mailServer = await MailServer.start();
  app = await startApp({
    env: {
      PORTCULLIS_SMTP_URL: mailServer.url,
      PORTCULLIS_ISSUER: ISSUER,
      PORTCULLIS_MAIL_FROM: 'Example Ltd <auth@example.org>',
      PORTCULLIS_REGISTRATION: 'on',
    },
  });
  admin = await app.admin();
});
afterAll(async () => {
  await app.close();
  await mailServer.stop();
});
beforeEach(async () => {
  mailServer.refusal = null;
  ann = await createPerson(admin);
});

const forgot = (email: string) => app.http.post('/v1/auth/password/forgot', { email });
const reset = (token: string, newPassword = NEW_PASSWORD, http = app.http) =>
  http.post('/v1/auth/password/reset', { token, newPassword });
const accept = (token: string, newPassword = NEW_PASSWORD) =>
  app.http.post('/v1/auth/invitation/accept', { token, newPassword });
const login = ({ username }: { username: string }, password: string) =>
  app.http.post('/v1/auth/login', { username, password });
const auditOf = async (id: string): Promise<string[]> => {
  const { body } = await admin.get<{ items: { action: string }[] }>(`/v1/audit-events?targetId=${id}&limit=100`);
  return body.items.map(({ action }) => action);
};
const sentAll = (): Promise<void> =>
  until('no mail waits', async () => (await app.database.query('SELECT FROM mail_requests')).length === 0);

/** A link for a forgotten password, mailed to her. */
async function mailedToken(person = ann): Promise<string> {
  const before = mailServer.to(person.email).length;
  expect((await forgot(person.email)).status).toBe(202);
  return mailServer.tokenTo(person.email, before + 1);
}

describe('a forgotten password', () => {
  it('is replaced by a link in a mail: sessions end, the address is proven, and the owner is told', async () => {
    const session = await signIn(app.http, ann);
    expect((await admin.get(`/v1/users/${ann.id}`)).body).toMatchObject({ emailVerified: false });
    expect(await forgot(ann.email.toUpperCase())).toMatchObject({ status: 202, body: '' });
    const mail = await mailServer.mailTo(ann.email);
    expect(mail).toMatchObject({
      from: { name: 'Example Ltd', address: 'auth@example.org' },
      to: [{ address: ann.email }],
      recipients: [ann.email],
      subject: 'Set a new password',
    });
    const token = tokenIn(mail);
    const link = `${ISSUER}/reset-password?token=${token}`;
    expect([mail.text, mail.html]).toEqual([expect.stringContaining(link), expect.stringContaining(`href="${link}"`)]);
    expect(mail.headers).toContainEqual(expect.objectContaining({ key: 'auto-submitted', value: 'auto-generated' }));

    expect(await reset(token)).toMatchObject({ status: 204, body: '' });
    expect(await verdict(session.http)).toBe('401 credentials_changed');
    expect(await refreshVerdict(app.http, session.refreshToken)).toBe('401 invalid_grant');
    expect((await login(ann, ann.password)).status).toBe(401);
    const next = await signIn(app.http, { ...ann, password: NEW_PASSWORD });
    expect((await next.http.get('/v1/auth/me')).body).toMatchObject({ emailVerified: true });
    expect(await mailServer.mailTo(ann.email, 2)).toMatchObject({ subject: 'Your password was changed' });
    await sentAll();
    expect((await auditOf(ann.id)).filter((action) => /mail|reset/.test(action))).toEqual([
      'mail.sent',
      'password.reset',
      'mail.sent',
    ]);
    const everything = await app.database.query(`SELECT a::text FROM audit_events a`);
    expect(JSON.stringify(everything)).not.toMatch(/psu_|violet/);
  });

  it.each([
    ['nobody has', () => Promise.resolve(`${freshName()}@example.org`)],
    [
      'a disabled user has',
      async () => {
        await admin.post(`/v1/users/${ann.id}/disable`);
        return ann.email;
      },
    ],
  ])('of an address that %s is answered the same, and nothing is mailed', async (_, address) => {
    const email = await address();
    const [answer, expected] = [await forgot(email), await forgot((await createPerson(admin)).email)];
    const telling = ({ status, headers, body }: typeof answer) => [
      ...[status, body, [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name))],
    ];
    expect(telling(answer)).toEqual(telling(expected));
    await sentAll();
    expect(mailServer.to(email)).toEqual([]);
  });

  it('of an address that somebody has typed and not proven is answered the same, and nothing is mailed but what they asked for', async () => {
    const [moving, registering] = [`${freshName()}@example.org`, `${freshName()}@example.org`];
    const { http } = await signIn(app.http, ann);
    const body = { newEmail: moving, currentPassword: ann.password };
    expect((await http.post('/v1/auth/email/change', body)).status).toBe(202);
    expect((await app.http.post('/v1/auth/register', { email: registering })).status).toBe(202);
    for (const email of [moving, registering]) {
      await mailServer.mailTo(email);
      expect((await forgot(email)).status).toBe(202);
    }
    await sentAll();
    const mailed = [moving, registering].map((email) => mailServer.to(email).map(({ subject }) => subject));
    expect(mailed).toEqual([['Your new address'], ['Your account']]);
    // It is hers once she has shown that she reads its mails.
    expect((await app.http.post('/v1/auth/email/verify', { token: await mailServer.tokenTo(moving) })).status).toBe(
      204,
    );
    expect((await reset(await mailedToken({ ...ann, email: moving }))).status).toBe(204);
  });

  it('has a link to the configured issuer, whatever the request says of hosts', async () => {
    const { hostname, port } = new URL(app.url);
    await new Promise<void>((resolve, reject) => {
      const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'content-type': 'application/json' };
      request({ hostname, port, path: '/v1/auth/password/forgot', method: 'POST', headers }, (response) => {
        expect(response.statusCode).toBe(202);
        response.resume().on('end', resolve);
      })
        .on('error', reject)
        .end(JSON.stringify({ email: ann.email }));
    });
    const { raw } = await mailServer.mailTo(ann.email);
    expect(raw).toContain(ISSUER);
    expect(raw).not.toContain('evil');
  });

  it('is replaced by a password that the policy takes, and until then the link stays good', async () => {
    const token = await mailedToken();
    for (const bad of ['short', ann.email, 'x'.repeat(257)]) {
      const { status, body } = await reset(token, bad);
      expect([status, body['code'], body['errors']]).toEqual([
        ...[400, 'validation_failed', [{ field: 'newPassword', message: expect.any(String) }]],
      ]);
    }
    expect((await reset(token)).status).toBe(204);
  });

  it.each([
    ['it was used', async (token: string) => reset(token, 'another password, chosen first')],
    ['a later one was mailed', async () => mailedToken()],
    ['the password was changed', async () => admin.patch(`/v1/users/${ann.id}`, { password: 'set by the admin' })],
    ['the address was changed', async () => admin.patch(`/v1/users/${ann.id}`, { email: `new-${ann.email}` })],
    ['the user was disabled', async () => admin.post(`/v1/users/${ann.id}/disable`)],
    [
      'the user was disabled and enabled',
      async () => {
        await admin.post(`/v1/users/${ann.id}/disable`);
        await admin.post(`/v1/users/${ann.id}/enable`);
      },
    ],
    ['the user was deleted', async () => admin.delete(`/v1/users/${ann.id}`)],
    [
      'it has expired',
      async () =>
        app.database.query('UPDATE single_use_tokens SET expires_at = clock_timestamp() WHERE user_id = $1', [ann.id]),
    ],
  ])('has no good link any more once %s', async (_, meanwhile) => {
    const token = await mailedToken();
    await meanwhile(token);
    expect(await reset(token)).toMatchObject({ status: 400, body: { code: 'invalid_link' } });
    expect((await login(ann, NEW_PASSWORD)).status).toBe(401);
  });

  it('takes no link of another kind, and none that somebody makes up', async () => {
    const token = await mailedToken();
    for (const wrong of [await accept(token), await reset(`psu_${'A'.repeat(43)}`), await reset('x')])
      expect(wrong).toMatchObject({ status: 400, body: { code: 'invalid_link' } });
    expect((await reset(token)).status).toBe(204);
  });

  it('unlocks the account: the failures were guesses at a password that is gone', async () => {
    for (let n = 0; n < 10; n++) await login(ann, 'a wrong guess');
    expect((await login(ann, ann.password)).status).toBe(429);
    expect((await reset(await mailedToken())).status).toBe(204);
    expect((await login(ann, NEW_PASSWORD)).status).toBe(200);
  });

  it('unlocks the second step too, and forgets no guess at an app', async () => {
    const bob = await enrol(app, ann);
    const token = await mfaToken(app, bob);
    for (let n = 0; n < 10; n++) await proveTotp(app, token, '12345');
    expect((await proveTotp(app, token, codeOf(bob.secret))).status).toBe(429);
    await sentAll();
    expect((await reset(await mailedToken())).status).toBe(204);
    const again = await mfaToken(app, { ...bob, password: NEW_PASSWORD });
    expect((await proveTotp(app, again, '12345')).status).toBe(401);
    const counted = await app.database.query('SELECT failures FROM totp_factors WHERE user_id = $1', [ann.id]);
    expect(counted).toEqual([{ failures: 11 }]);
    expect((await proveTotp(app, again, codeOf(bob.secret))).status).toBe(200);
  });
});

describe('a mail that cannot be sent', () => {
  const dueNow = () => app.database.query('UPDATE mail_requests SET due_at = clock_timestamp()');

  it('holds up nobody, and is sent later with another token', async () => {
    await sentAll();
    mailServer.refusal = 451;
    const before = mailServer.refused;
    const since = performance.now();
    expect((await forgot(ann.email)).status).toBe(202);
    expect(performance.now() - since).toBeLessThan(5_000);
    await until('it was tried', () => mailServer.refused > before);
    mailServer.refusal = null;
    await dueNow();
    await forgot((await createPerson(admin)).email);
    expect(await reset(await mailServer.tokenTo(ann.email))).toMatchObject({ status: 204, body: '' });
    expect(mailServer.to(ann.email)).toHaveLength(1);
  });

  it('is given up when the server says that there is no such mailbox', async () => {
    mailServer.refusal = 550;
    await forgot(ann.email);
    await sentAll();
    expect(await auditOf(ann.id)).toContain('mail.failed');
  });

  it('is given up when its address could be taken for more than one', async () => {
    const email = `${ann.username}@example.org\r\nBcc: eve@example.org`;
    await app.database.query('UPDATE users SET email = $2 WHERE id = $1', [ann.id, email]);
    expect((await admin.post(`/v1/users/${ann.id}/reset-password`)).status).toBe(202);
    await sentAll();
    expect(await auditOf(ann.id)).toContain('mail.failed');
    expect(mailServer.mails.filter(({ raw }) => raw.includes('eve@'))).toEqual([]);
  });
});

describe('an administrator', () => {
  const newcomer = async (): Promise<Person> => {
    const username = freshName();
    const email = `${username}@example.org`;
    const { body } = await admin.post('/v1/users', { username, email });
    return { id: String(body['id']), username, email, password: '' };
  };

  it('invites somebody, who sets a password by the link, once, and by nothing else', async () => {
    const bob = await newcomer();
    expect(await admin.post(`/v1/users/${bob.id}/invite`)).toMatchObject({ status: 202, body: '' });
    const mail = await mailServer.mailTo(bob.email);
    expect(mail.text).toContain(`${ISSUER}/accept-invitation?token=psu_`);
    const token = tokenIn(mail);
    expect((await reset(token)).status).toBe(400);
    expect((await accept(token)).status).toBe(204);
    expect((await accept(token)).status).toBe(400);
    const { http } = await signIn(app.http, { ...bob, password: NEW_PASSWORD });
    expect((await http.get('/v1/auth/me')).body).toMatchObject({ emailVerified: true });
    expect(await auditOf(bob.id)).toEqual(expect.arrayContaining(['user.invited', 'invitation.accepted']));
    expect(await admin.post(`/v1/users/${bob.id}/invite`)).toMatchObject({
      status: 409,
      body: { code: 'has_password' },
    });
  });

  it('has a link mailed for a new password, and the present one is good until then', async () => {
    expect(await admin.post(`/v1/users/${ann.id}/reset-password`)).toMatchObject({ status: 202, body: '' });
    const token = await mailServer.tokenTo(ann.email);
    expect((await login(ann, ann.password)).status).toBe(200);
    expect((await reset(token)).status).toBe(204);
    expect(await auditOf(ann.id)).toContain('user.password_reset_mailed');
  });

  it.each(['invite', 'reset-password'])(
    '%s: not for nobody, a disabled user, or one without an address',
    async (act) => {
      const bob = await newcomer();
      const [nobody, noAddress, disabled] = ['0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11', (await newcomer()).id, bob.id];
      await app.database.query('UPDATE users SET email = NULL WHERE id = $1', [noAddress]);
      await admin.post(`/v1/users/${disabled}/disable`);
      const answers = await Promise.all(
        [nobody, noAddress, disabled].map((id) => admin.post(`/v1/users/${id}/${act}`)),
      );
      expect(answers.map(({ body }) => body['code'])).toEqual(['not_found', 'no_email', 'user_disabled']);
    },
  );

  it('does so for nobody who holds more, and does not move their own address to where links go', async () => {
    const { client: helper, person } = await holderOf(admin, ['users:read', 'users:write']);
    const { body } = await admin.get('/v1/auth/me');
    for (const act of ['invite', 'reset-password']) {
      const answer = await helper.post(`/v1/users/${String(body['id'])}/${act}`);
      expect(answer).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
    }
    expect((await helper.patch(`/v1/users/${person.id}`, { email: 'mine@example.org' })).status).toBe(403);
    expect((await helper.patch(`/v1/users/${person.id}`, { email: person.email })).status).toBe(200);
  });
});

describe('without a mail server', () => {
  it('mails are files in the outbox, for the owner of the directory only', async () => {
    const offline = await startApp();
    try {
      const bob = await createPerson(await offline.admin());
      await offline.http.post('/v1/auth/password/forgot', { email: bob.email });
      const outbox = join(offline.dataDir, 'outbox');
      const written = (): string[] => {
        const names = statSync(outbox, { throwIfNoEntry: false }) ? readdirSync(outbox) : [];
        return names.filter((name) => name.endsWith('.eml'));
      };
      await until('the mail is written', () => written().length === 1);
      const path = join(outbox, written()[0] ?? '');
      expect([statSync(path).mode & 0o777, statSync(outbox).mode & 0o777]).toEqual([0o600, 0o700]);
      const mail = await PostalMime.parse(readFileSync(path));
      expect(mail).toMatchObject({ to: [{ address: bob.email }], from: { address: 'portcullis@localhost' } });
      expect((await reset(tokenIn(mail), NEW_PASSWORD, offline.http)).status).toBe(204);
    } finally {
      await offline.close();
    }
  });
});
