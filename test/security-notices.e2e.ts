import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { codeOf, enrol, forgetSteps, mfaToken, proveTotp } from './support/factors.js';
import { freshName } from './support/holders.js';
import type { Answer, HttpClient } from './support/http.js';
import { MailServer } from './support/mail-server.js';
import { createPerson, signIn, signedIn, type Person } from './support/people.js';
import { SoftwarePasskey } from './support/software-passkey.js';
import { until } from './support/until.js';

const NEW_PASSWORD = 'violet otters juggle lanterns';

let app: TestApp;
let admin: HttpClient;
let mailServer: MailServer;
let ann: Person;

beforeAll(async () => {
  mailServer = await MailServer.start();
  app = await startApp({ env: { PORTCULLIS_SMTP_URL: mailServer.url } });
  admin = await app.admin();
});
afterAll(async () => {
  await app.close();
  await mailServer.stop();
});
beforeEach(async () => {
  ann = await createPerson(admin);
});

const sentAll = (): Promise<void> =>
  until('no mail waits', async () => (await app.database.query('SELECT FROM mail_requests')).length === 0);

async function changePassword(person: Person, newPassword = NEW_PASSWORD): Promise<Answer<Record<string, unknown>>> {
  const { http } = await signIn(app.http, person);
  return http.post('/v1/auth/password/change', { currentPassword: person.password, newPassword });
}

const guessed = async ({ id }: Person): Promise<unknown[]> => {
  const rows = await app.database.query<{ details: unknown }>(
    `SELECT details FROM audit_events WHERE action = 'factor.guessed' AND target_id = $1`,
    [id],
  );
  return rows.map(({ details }) => details);
};

/** What is done to her account, and the mails that tell of it, in their order. */
const ACTS: [string, () => Promise<{ status: number }>, string[]][] = [
  ['her password, by herself', () => changePassword(ann), ['Your password was changed']],
  [
    'her password, when a login asks for another one',
    async () => {
      await app.database.query('UPDATE users SET must_change_password = true WHERE id = $1', [ann.id]);
      const { username, password } = ann;
      const { changeToken } = (await app.http.post('/v1/auth/login', { username, password })).body;
      return app.http.post('/v1/auth/password/change', { changeToken, newPassword: NEW_PASSWORD });
    },
    ['Your password was changed'],
  ],
  [
    'a passkey that is added',
    async () => {
      const { http } = await signIn(app.http, ann);
      const { options } = (await http.post('/v1/auth/mfa/passkey/start', {})).body;
      const credential = new SoftwarePasskey('http://localhost:3000').create(options as Record<string, unknown>);
      return http.post('/v1/auth/mfa/passkey/confirm', { credential });
    },
    ['A passkey was added'],
  ],
  [
    'a login with a recovery code',
    async () => {
      const bob = await enrol(app, ann);
      return app.http.post('/v1/auth/mfa/recovery', {
        mfa_token: await mfaToken(app, bob),
        code: bob.recoveryCodes[0],
      });
    },
    ['A recovery code was used', 'An authenticator app was added'],
  ],
  [
    'ten wrong codes after her password, also when she logs in between them',
    async () => {
      const bob = await enrol(app, ann);
      const guess = async (times: number): Promise<void> => {
        const token = await mfaToken(app, bob);
        for (let n = 0; n < times; n++) expect((await proveTotp(app, token, '12345')).status).toBe(401);
      };
      await guess(9);
      const entered = await proveTotp(app, await mfaToken(app, bob), codeOf(bob.secret));
      await forgetSteps(app, bob);
      expect(await guessed(bob)).toEqual([]);
      await guess(3);
      expect(await guessed(bob)).toEqual([{ failures: 10 }]);
      return entered;
    },
    ['An authenticator app was added', 'Somebody may know your password'],
  ],
  [
    'an app that is added and removed, and recovery codes',
    async () => {
      const { session, factorId } = await enrol(app, ann);
      const { status, body } = await session.http.post('/v1/auth/mfa/recovery-codes');
      expect(status).toBe(200);
      return signedIn(app.http, body).http.delete(`/v1/auth/mfa/factors/${factorId}`);
    },
    ['An authenticator app was added', 'You have new recovery codes', 'A second factor was removed'],
  ],
];

describe('the owner of an account is told of', () => {
  it.each(ACTS)('%s: when, from where, and what to do', async (_, act, subjects) => {
    expect((await act()).status).toBe(200);
    await sentAll();
    const mails = mailServer.to(ann.email);
    expect(mails.map(({ subject }) => subject).sort()).toEqual([...subjects].sort());
    for (const { text, html } of mails) {
      for (const part of [text, html]) {
        expect(part).toContain(ann.username);
        expect(part).toMatch(/at \d{4}-\d\d-\d\d \d\d:\d\d UTC, from the address 127\.0\.0\.1\./);
        expect(part).toContain('If that was not you');
        expect(part).not.toMatch(/href|token=|\{\{/);
      }
    }
  });

  it('what administrators do, without their address; and nothing where nothing was done', async () => {
    expect((await admin.delete(`/v1/users/${ann.id}/factors`)).status).toBe(204);
    await enrol(app, ann);
    expect((await admin.delete(`/v1/users/${ann.id}/factors`)).status).toBe(204);
    for (const fields of [{ password: NEW_PASSWORD }, { username: freshName() }, { displayName: 'Ann' }])
      expect((await admin.patch(`/v1/users/${ann.id}`, fields)).status).toBe(200);
    await sentAll();
    const others = mailServer.to(ann.email).filter(({ subject }) => subject !== 'An authenticator app was added');
    expect(others.map(({ subject }) => subject).sort()).toEqual([
      'Your password was changed',
      'Your second factors were removed',
      'Your username was changed',
    ]);
    for (const { text } of others) {
      expect(text).toMatch(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/);
      expect(text).not.toContain('127.0.0.1');
    }
  });

  it('a password that an administrator sets together with another address, at the address before', async () => {
    const email = `${freshName()}@example.org`;
    expect((await admin.patch(`/v1/users/${ann.id}`, { password: NEW_PASSWORD, email })).status).toBe(200);
    await sentAll();
    const subjects = mailServer.to(ann.email).map(({ subject }) => subject);
    expect(subjects.sort()).toEqual(['Your address was changed', 'Your password was changed']);
    expect(mailServer.to(email)).toEqual([]);
  });

  it('a reset, and that second factors have survived it', async () => {
    await enrol(app, ann);
    await app.http.post('/v1/auth/password/forgot', { email: ann.email });
    await until('the link is there', () => mailServer.to(ann.email).some(({ text }) => text?.includes('?token=')));
    const [, token = ''] =
      /\?token=(\S+)/.exec(
        mailServer
          .to(ann.email)
          .map(({ text }) => text)
          .join(' '),
      ) ?? [];
    expect((await app.http.post('/v1/auth/password/reset', { token, newPassword: NEW_PASSWORD })).status).toBe(204);
    await sentAll();
    const [notice] = mailServer.to(ann.email).filter(({ subject }) => subject === 'Your password was changed');
    expect(notice?.text).toMatch(
      /from the address 127\.0\.0\.1\.[^]*Second factors and passkeys[^]*the same as before/,
    );
  });
});

describe('while the mail server is away', () => {
  const held = (how: boolean) =>
    app.database.query(
      `ALTER TABLE mail_requests ALTER due_at SET DEFAULT clock_timestamp() + interval '${how ? '1 hour' : '0'}'`,
    );
  const release = async () => {
    await held(false);
    await app.database.query('UPDATE mail_requests SET due_at = clock_timestamp()');
    await app.http.post('/v1/auth/email/resend', { email: 'nobody@example.org' });
    await sentAll();
  };
  const waiting = () =>
    app.database.query<{ kind: string; at: Date }>(
      'SELECT kind, created_at AS at FROM mail_requests WHERE user_id = $1 ORDER BY id',
      [ann.id],
    );
  beforeEach(async () => {
    await sentAll();
    await held(true);
  });

  it('a notice keeps to the address that the account had, wherever it is moved', async () => {
    expect((await changePassword(ann)).status).toBe(200);
    await app.database.query('UPDATE users SET email = $2 WHERE id = $1', [ann.id, `${freshName()}@example.org`]);
    await release();
    expect(await mailServer.mailTo(ann.email)).toMatchObject({ subject: 'Your password was changed' });
  });

  it('10,000 mails that others asked for take no room from notices, and notices none from them', async () => {
    const fill = (count: number, details: string) =>
      app.database.query(
        `INSERT INTO mail_requests (kind, user_id, details, requested_by) SELECT 'nothing', $1, $2, '{}' FROM generate_series(1, $3)`,
        [ann.id, details, count],
      );
    const forgot = async () => {
      const { status, body, headers } = await app.http.post('/v1/auth/password/forgot', { email: ann.email });
      return [status, body['code'], headers.get('retry-after')];
    };
    await fill(9_999, '{}');
    await fill(1_000, '{"to": "somebody"}');
    expect(await forgot()).toEqual([202, undefined, null]);
    expect(await forgot()).toEqual([503, 'unavailable', '60']);
    expect((await changePassword(ann)).status).toBe(200);
    await app.database.query(`DELETE FROM mail_requests WHERE kind = 'nothing'`);
    expect((await waiting()).map(({ kind }) => kind)).toEqual(['password-changed-by-owner']);
    await release();
    await mailServer.mailTo(ann.email, 2);
  });

  it('no more than five of a kind wait for one address: the first four, and the last', async () => {
    const moments: number[] = [];
    for (let n = 1; n <= 7; n++) {
      const newPassword = `${NEW_PASSWORD} ${n}`;
      expect((await changePassword(ann, newPassword)).status).toBe(200);
      ann = { ...ann, password: newPassword };
      moments.push(Number((await waiting()).at(-1)?.at));
    }
    expect((await admin.patch(`/v1/users/${ann.id}`, { password: 'set by the admin' })).status).toBe(200);
    const rows = await waiting();
    expect(rows.map(({ kind }) => kind)).toEqual([
      ...Array<string>(5).fill('password-changed-by-owner'),
      'password-changed-by-administrator',
    ]);
    expect(rows.slice(0, 5).map(({ at }) => Number(at))).toEqual([...moments.slice(0, 4), moments[6]]);
    await release();
  });

  it('nothing is changed that its owner could not be told of', async () => {
    const refusing = 'ALTER TABLE mail_requests ADD CONSTRAINT no_notice CHECK (NOT details ? $$to$$) NOT VALID';
    await app.database.query(refusing);
    try {
      expect((await changePassword(ann)).status).toBe(500);
      expect((await admin.patch(`/v1/users/${ann.id}`, { password: NEW_PASSWORD })).status).toBe(500);
      await expect(enrol(app, ann)).rejects.toThrow('500');
    } finally {
      await app.database.query('ALTER TABLE mail_requests DROP CONSTRAINT no_notice');
    }
    expect((await signIn(app.http, ann)).accessToken).toBeTruthy();
    expect(await app.database.query('SELECT FROM totp_factors WHERE user_id = $1', [ann.id])).toEqual([]);
    await release();
  });
});

describe('an address that is not of ASCII', () => {
  it.each([
    ['ann@bİg.example', 'must be of ASCII, with an international domain as Punycode: xn--…'],
    ['ann@bi\u212A.example', 'must be of ASCII, with an international domain as Punycode: xn--…'],
    ['"ann b"@example.org', 'must be an e-mail address'],
  ])('or quoted, as %s, is taken nowhere', async (email, message) => {
    const { http } = await signIn(app.http, ann);
    for (const [field, asked] of [
      ['email', app.http.post('/v1/auth/register', { email })],
      ['email', app.http.post('/v1/auth/password/forgot', { email })],
      ['email', app.http.post('/v1/auth/email/resend', { email })],
      ['newEmail', http.post('/v1/auth/email/change', { newEmail: email, currentPassword: ann.password })],
      ['email', admin.post('/v1/users', { username: freshName(), email })],
      ['email', admin.patch(`/v1/users/${ann.id}`, { email })],
    ] as const) {
      expect(await asked).toMatchObject({ status: 400, body: { errors: [{ field, message }] } });
    }
    expect(await app.database.query('SELECT FROM mail_requests WHERE email = $1', [email])).toEqual([]);
  });

  it('cannot be given in SQL; who has one since before keeps it, and is nobody else by it', async () => {
    const [stored, asked] = [`${ann.username}@bİg.example`, `${ann.username}@big.example`];
    const give = (email: string) => app.database.query('UPDATE users SET email = $2 WHERE id = $1', [ann.id, email]);
    await expect(give(stored)).rejects.toMatchObject({ constraint: 'users_email_ascii' });
    await app.database.query('ALTER TABLE users DISABLE TRIGGER users_ascii_address');
    await give(stored);
    await app.database.query('ALTER TABLE users ENABLE ALWAYS TRIGGER users_ascii_address');

    expect((await admin.patch(`/v1/users/${ann.id}`, { displayName: 'Ann' })).body).toMatchObject({ email: stored });
    expect((await signIn(app.http, ann)).http).toBeDefined();
    for (const email of [asked, stored]) {
      expect((await app.http.post('/v1/auth/login', { email, password: ann.password })).status).toBe(401);
    }
    await app.http.post('/v1/auth/password/forgot', { email: asked });
    await app.http.post('/v1/auth/email/resend', { email: asked });
    expect((await admin.post(`/v1/users/${ann.id}/reset-password`)).status).toBe(202);
    await sentAll();
    expect(mailServer.mails.filter(({ raw }) => raw.includes(ann.username))).toEqual([]);
    expect((await admin.patch(`/v1/users/${ann.id}`, { email: asked })).status).toBe(200);
    expect((await app.http.post('/v1/auth/login', { email: asked, password: ann.password })).status).toBe(200);
  });
});
