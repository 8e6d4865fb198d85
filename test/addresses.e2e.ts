import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { freshName } from './support/holders.js';
import type { Answer, HttpClient } from './support/http.js';
import { MailServer, tokenIn } from './support/mail-server.js';
import { createPerson, signIn, verdict, type Person } from './support/people.js';
import { until } from './support/until.js';

const ISSUER = 'https://auth.example.org';
const PAGES = 'https://app.example.org/account';
const ENV = {
  PORTCULLIS_ISSUER: ISSUER,
  PORTCULLIS_PAGES_URL: PAGES,
  PORTCULLIS_REGISTRATION: 'on',
  PORTCULLIS_REGISTRATION_DOMAINS: 'example.org',
};
const INVALID_LINK = { status: 400, body: { code: 'invalid_link' } };

let app: TestApp;
let admin: HttpClient;
let mailServer: MailServer;
let ann: Person;

beforeAll(async () => {
  mailServer = await MailServer.start();
  app = await startApp({ env: { ...ENV, PORTCULLIS_SMTP_URL: mailServer.url } });
  admin = await app.admin();
});
afterAll(async () => {
  await app.close();
  await mailServer.stop();
});
beforeEach(async () => {
  ann = await createPerson(admin);
});

const freshAddress = (): string => `${freshName('to')}@example.org`;
const resend = (email: string) => app.http.post('/v1/auth/email/resend', { email });
const verify = (token: string) => app.http.post('/v1/auth/email/verify', { token });
const userOf = async ({ id }: Person) => (await admin.get(`/v1/users/${id}`)).body;
const sentAll = (): Promise<void> =>
  until('no mail waits', async () => (await app.database.query('SELECT FROM mail_requests')).length === 0);
const auditOf = async (id: string): Promise<string[]> => {
  const { body } = await admin.get<{ items: { action: string }[] }>(`/v1/audit-events?targetId=${id}&limit=100`);
  return body.items.map(({ action }) => action);
};
/** The whole answer but for what differs from one request to the next. */
const telling = ({ status, headers, body }: Answer) => [
  ...[status, body, [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name))],
];

async function change(
  person: Person,
  newEmail: string,
  { http, currentPassword = person.password }: { http?: HttpClient; currentPassword?: string } = {},
): Promise<Answer<Record<string, unknown>>> {
  const client = http ?? (await signIn(app.http, person)).http;
  return client.post('/v1/auth/email/change', { newEmail, currentPassword });
}

describe('an address', () => {
  it('is proven by a link in a mail to it, once', async () => {
    expect(await resend(ann.email.toUpperCase())).toMatchObject({ status: 202, body: '' });
    const mail = await mailServer.mailTo(ann.email);
    const token = tokenIn(mail);
    expect(mail.text).toContain(`${PAGES}/verify-email?token=${token}`);
    expect(mail.text).not.toContain(ann.username);
    expect(await userOf(ann)).toMatchObject({ emailVerified: false });
    expect(await verify(token)).toMatchObject({ status: 204, body: '' });
    expect(await userOf(ann)).toMatchObject({ email: ann.email, emailVerified: true });
    expect(await verify(token)).toMatchObject(INVALID_LINK);
    expect(await auditOf(ann.id)).toContain('email.verified');
    expect((await resend(ann.email)).status).toBe(202);
    await sentAll();
    expect(mailServer.to(ann.email)).toHaveLength(1);
  });

  it('that an administrator changes is unproven again, and links to the one before are worth nothing', async () => {
    await resend(ann.email);
    const [first, second] = [await mailServer.tokenTo(ann.email), freshAddress()];
    await app.database.query('UPDATE users SET email_verified_at = clock_timestamp() WHERE id = $1', [ann.id]);
    expect(await userOf(ann)).toMatchObject({ emailVerified: true });
    expect((await admin.patch(`/v1/users/${ann.id}`, { displayName: 'Ann' })).body).toMatchObject({
      emailVerified: true,
    });
    expect((await admin.patch(`/v1/users/${ann.id}`, { email: second })).body).toMatchObject({ emailVerified: false });
    expect(await verify(first)).toMatchObject(INVALID_LINK);
  });

  it('that nobody has, or a disabled user, is answered the same, and nothing is mailed', async () => {
    const bob = await createPerson(admin);
    await admin.post(`/v1/users/${bob.id}/disable`);
    const nobody = freshAddress();
    const [known, ...others] = [await resend(ann.email), await resend(nobody), await resend(bob.email)].map(telling);
    for (const other of others) expect(other).toEqual(known);
    await sentAll();
    expect([...mailServer.to(nobody), ...mailServer.to(bob.email)]).toEqual([]);
  });
});

describe('moving to another address', () => {
  const expire = (scope: string, key: string) =>
    app.database.query(`INSERT INTO forced_expirations (scope, key, reason) VALUES ($1, $2, 'a drill')`, [scope, key]);

  it('takes the password and a link in a mail to it; the present one is told, before and after', async () => {
    const { http } = await signIn(app.http, ann);
    const newEmail = freshAddress();
    expect(await change(ann, newEmail, { http })).toMatchObject({ status: 202, body: '' });
    expect(await mailServer.mailTo(ann.email)).toMatchObject({ subject: 'Your address is about to change' });
    const token = await mailServer.tokenTo(newEmail);
    expect(await userOf(ann)).toMatchObject({ email: ann.email });
    expect((await verify(token)).status).toBe(204);
    expect(await userOf(ann)).toMatchObject({ email: newEmail, emailVerified: true });
    expect(await mailServer.mailTo(ann.email, 2)).toMatchObject({ subject: 'Your address was changed' });
    expect(await verdict(http)).toBe('accepted');
    const byNew = await app.http.post('/v1/auth/login', { email: newEmail, password: ann.password });
    const byOld = await app.http.post('/v1/auth/login', { email: ann.email, password: ann.password });
    expect([byNew.status, byOld.status]).toEqual([200, 401]);
    expect(await auditOf(ann.id)).toEqual(expect.arrayContaining(['email.change_requested', 'email.changed']));
    expect(JSON.stringify(await app.database.query('SELECT a::text FROM audit_events a'))).not.toContain(newEmail);
  });

  it.each([
    ['the wrong password', () => ({ currentPassword: 'a wrong guess' }), 401, 'invalid_credentials'],
    ['no token', () => ({ http: app.http }), 401, 'token_required'],
  ])('is refused with %s', async (_, how, status, code) => {
    const newEmail = freshAddress();
    expect(await change(ann, newEmail, how())).toMatchObject({ status, body: { code } });
    await sentAll();
    expect(mailServer.to(newEmail)).toEqual([]);
  });

  it('is no way to guess the password with a stolen token', async () => {
    const { http } = await signIn(app.http, ann);
    for (let n = 0; n < 10; n++) await change(ann, freshAddress(), { http, currentPassword: 'a wrong guess' });
    expect((await change(ann, freshAddress(), { http })).status).toBe(429);
    expect(await auditOf(ann.id)).toEqual(expect.arrayContaining(['email.change_failed', 'account.locked']));
  });

  it('to that of somebody else is answered the same, and they are told', async () => {
    const bob = await createPerson(admin);
    const { http } = await signIn(app.http, ann);
    const [taken, free] = [await change(ann, bob.email, { http }), await change(ann, freshAddress(), { http })];
    expect(telling(taken)).toEqual(telling(free));
    const mail = await mailServer.mailTo(bob.email);
    expect([mail.subject, mail.text?.includes('token=')]).toEqual(['You have an account already', false]);
  });

  it('calls off an earlier one, whether the address is anybody’s or not', async () => {
    const bob = await createPerson(admin);
    for (const next of [freshAddress(), bob.email]) {
      const before = freshAddress();
      await change(ann, before);
      const token = await mailServer.tokenTo(before);
      await change(ann, next);
      await sentAll();
      expect(await verify(token)).toMatchObject({ status: 400, body: { code: 'invalid_link' } });
    }
  });

  it('is for one of two who confirm the same address at once', async () => {
    const people = [ann, await createPerson(admin)];
    const newEmail = freshAddress();
    const tokens: string[] = [];
    for (const person of people) {
      await change(person, newEmail);
      tokens.push(await mailServer.tokenTo(newEmail, tokens.length + 1));
    }
    const answers = await Promise.all(tokens.map(verify));
    expect(answers.map(({ status, body }) => body['code'] ?? status).sort()).toEqual([204, 'email_taken']);
    const owners = await Promise.all(people.map(userOf));
    expect(owners.filter(({ email }) => email === newEmail)).toHaveLength(1);
  });

  it.each([
    ['the password was changed', async () => admin.patch(`/v1/users/${ann.id}`, { password: 'set by the admin' })],
    ['the user was disabled', async () => admin.post(`/v1/users/${ann.id}/disable`)],
    [
      'the user was disabled and enabled',
      async () => {
        await admin.post(`/v1/users/${ann.id}/disable`);
        await admin.post(`/v1/users/${ann.id}/enable`);
      },
    ],
    ['another address was asked for', async () => change(ann, freshAddress()).then(sentAll)],
    ['an administrator set another', async () => admin.patch(`/v1/users/${ann.id}`, { email: freshAddress() })],
    ['its user ended all sessions', async () => (await signIn(app.http, ann)).http.post('/v1/auth/logout-all')],
    ['an administrator ended all sessions', async () => admin.delete(`/v1/users/${ann.id}/sessions`)],
    ['all sessions of the user expired', async () => expire('user', ann.id)],
    [
      'all sessions of a role expired',
      async () => {
        const role = freshName();
        await admin.post('/v1/roles', { name: role, permissions: [] });
        await admin.put(`/v1/users/${ann.id}/roles`, { roles: [role] });
        await expire('role', role);
      },
    ],
    [
      'all sessions expired',
      async () => {
        await expire('global', '*');
        admin = await app.admin();
      },
    ],
  ])('is off once %s', async (_, meanwhile) => {
    const newEmail = freshAddress();
    await change(ann, newEmail);
    const token = await mailServer.tokenTo(newEmail);
    await meanwhile();
    expect(await verify(token)).toMatchObject(INVALID_LINK);
    expect((await userOf(ann))['email']).not.toBe(newEmail);
  });

  it.each([
    ['the password is changed', async () => admin.patch(`/v1/users/${ann.id}`, { password: 'set by the admin' })],
    ['all sessions are ended', async () => admin.delete(`/v1/users/${ann.id}/sessions`)],
    ['all sessions expire', async () => expire('user', ann.id)],
  ])('is off when %s before the mail is sent', async (_, meanwhile) => {
    await sentAll();
    const newEmail = freshAddress();
    await app.database.query(
      `INSERT INTO mail_requests (kind, user_id, details, requested_by, due_at)
       SELECT 'email-change', id, jsonb_build_object('newEmail', $2::text, 'sessionEpoch', session_epoch::text,
         'asOf', (SELECT seq::text FROM validity_clock)), '{"type": "user"}',
         clock_timestamp() + interval '1 hour' FROM users WHERE id = $1`,
      [ann.id, newEmail],
    );
    await meanwhile();
    await app.database.query('UPDATE mail_requests SET due_at = clock_timestamp()');
    await resend(freshAddress());
    await sentAll();
    expect(mailServer.to(newEmail)).toEqual([]);
  });
});

describe('registration', () => {
  const PASSWORD = 'violet otters juggle lanterns';
  const register = (email: string) => app.http.post('/v1/auth/register', { email });
  const complete = (token: string, more: object = {}, http = app.http) =>
    http.post('/v1/auth/register/complete', { token, password: PASSWORD, ...more });

  it('makes an account once the address is proven, with the password of whoever proves it, and without any right', async () => {
    const email = freshAddress();
    expect(await register(email)).toMatchObject({ status: 202, body: '' });
    const mail = await mailServer.mailTo(email);
    expect(mail.text).toContain(`${PAGES}/complete-registration?token=prr_`);
    expect(await app.database.query('SELECT FROM users WHERE email = $1', [email])).toEqual([]);
    expect((await complete(tokenIn(mail), { password: 'short' })).body).toMatchObject({ code: 'validation_failed' });
    expect(await complete(tokenIn(mail), { displayName: 'Zoe' })).toMatchObject({ status: 204, body: '' });
    const { status, body } = await app.http.post('/v1/auth/login', { email, password: PASSWORD });
    expect([status, body['scope']]).toEqual([200, '']);
    const me = (await app.http.as(String(body['access_token'])).get('/v1/auth/me')).body;
    expect(me).toMatchObject({ email, emailVerified: true, displayName: 'Zoe', roles: [] });
    expect(me['username']).toMatch(/^u[a-z0-9]{11}$/);
    expect(await auditOf(String(me['id']))).toContain('user.registered');
    expect(await complete(tokenIn(mail))).toMatchObject(INVALID_LINK);
    const stored = JSON.stringify(await app.database.query('SELECT r::text FROM registrations r'));
    expect(stored).not.toContain(tokenIn(mail).slice(4));
  });

  it('for an address that somebody has is answered the same, and they are told; a disabled one is not', async () => {
    const bob = await createPerson(admin);
    await admin.post(`/v1/users/${bob.id}/disable`);
    const answers = [await register(freshAddress()), await register(ann.email), await register(bob.email)];
    const [free, ...others] = answers.map(telling);
    for (const other of others) expect(other).toEqual(free);
    const mail = await mailServer.mailTo(ann.email);
    expect([mail.subject, mail.text?.includes('token=')]).toEqual(['You have an account already', false]);
    await sentAll();
    expect(mailServer.to(bob.email)).toEqual([]);
  });

  it('is for allowed domains only, and off unless it is turned on', async () => {
    const elsewhere = `${freshName()}@example.org.evil.example`;
    const field = { field: 'email', message: 'is not of a domain that may register here' };
    expect((await register(elsewhere)).body).toMatchObject({ code: 'validation_failed', errors: [field] });
    const closed = await startApp({ database: app.database });
    try {
      const off = { status: 403, body: { code: 'registration_off' } };
      expect(await closed.http.post('/v1/auth/register', { email: freshAddress() })).toMatchObject(off);
      expect(await complete('prr_x', {}, closed.http)).toMatchObject(off);
    } finally {
      await closed.close();
    }
  });

  it.each([
    [
      'a later one was mailed',
      async (email: string) => {
        await register(email);
        await mailServer.mailTo(email, 2);
      },
      INVALID_LINK,
    ],
    [
      'it has expired',
      async () => app.database.query('UPDATE registrations SET expires_at = clock_timestamp()'),
      INVALID_LINK,
    ],
    [
      'an administrator has made the account',
      async (email: string) => admin.post('/v1/users', { username: freshName(), email }),
      { status: 409, body: { code: 'email_taken' } },
    ],
  ])('has no good link any more once %s', async (_, meanwhile, expected) => {
    const email = freshAddress();
    await register(email);
    const token = await mailServer.tokenTo(email);
    await meanwhile(email);
    expect(await complete(token)).toMatchObject(expected);
  });
});

describe('mails that anybody may have sent', () => {
  it('are five an hour of each kind for one address, however spelt, on all instances, whether or not anybody has it', async () => {
    const env = { ...ENV, PORTCULLIS_SMTP_URL: mailServer.url, PORTCULLIS_RATE_LIMITS: 'on' };
    const limited = [await startApp({ database: app.database, env }), await startApp({ database: app.database, env })];
    try {
      const { accessToken } = await signIn(app.http, ann);
      const ask = async (path: string, body: object, n: number) => {
        const { status, headers } = await (limited[n % 2] as TestApp).http.as(accessToken).post(path, body);
        return [status, Number(headers.get('retry-after') ?? 0) > 3_000];
      };
      for (const email of [ann.email, `${freshName()}@example.org`]) {
        for (const path of ['/v1/auth/password/forgot', '/v1/auth/email/resend', '/v1/auth/register']) {
          const answers: unknown[] = [];
          for (let n = 0; n < 6; n++)
            answers.push(await ask(path, { email: n % 3 === 0 ? email.toUpperCase() : email }, n));
          expect(answers).toEqual([...Array<unknown>(5).fill([202, false]), [429, true]]);
        }
      }
      const newEmail = `${freshName()}@example.org`;
      const change = { newEmail, currentPassword: ann.password };
      const answers: unknown[] = [];
      for (let n = 0; n < 6; n++) answers.push(await ask('/v1/auth/email/change', change, n));
      expect(answers).toEqual([...Array<unknown>(5).fill([202, false]), [429, true]]);
      await sentAll();
      expect(mailServer.to(newEmail)).toHaveLength(5);
    } finally {
      for (const instance of limited) await instance.close();
    }
  });
});
