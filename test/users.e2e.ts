import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { validate, version } from 'uuid';
import { logIn, startApp, type TestApp } from './support/app.js';
import { freshName, logInAs } from './support/holders.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson, refreshVerdict, signIn, signedIn, verdict } from './support/people.js';

type Problem = Answer<{ code: string; errors?: { field: string; message: string }[] }>;

let app: TestApp;
let admin: HttpClient;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
});

afterAll(() => app.close());

const newUser = (username = freshName()) => ({ username, email: `${username}@example.org` });
const problem = ({ status, body }: Answer) => ({ status, code: (body as { code?: string }).code });
const fields = ({ body }: Problem) => body.errors?.map(({ field }) => field);
const nobody = '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11';

describe('creating users', () => {
  it('answers with the user, and never with anything about the password', async () => {
    const username = freshName('Ann.+_');
    const { status, body, headers } = await admin.post('/v1/users', {
      username,
      email: 'Ann@Example.org',
      displayName: 'Ann Example',
      password: 'correct horse battery staple',
      roles: ['auditor'],
    });
    expect(status).toBe(201);
    expect(headers.get('etag')).toMatch(/^"\d+"$/);
    const { id, ...rest } = body;
    expect(validate(id) && version(id as string)).toBe(7);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(rest).toEqual({
      username,
      email: 'Ann@Example.org',
      emailVerified: false,
      displayName: 'Ann Example',
      status: 'active',
      roles: ['auditor'],
      mustChangePassword: false,
      credentialsChangedAt: time,
      createdAt: time,
      updatedAt: time,
    });
    expect(await admin.get(`/v1/users/${id as string}`)).toMatchObject({ status: 200, body });
  });

  it('lets one with a password log in directly, by name or address in any case, and one without not at all', async () => {
    const { username, email, password } = await createPerson(admin);
    for (const name of [username, username.toUpperCase(), email, email.toUpperCase()]) {
      expect(await app.http.post('/v1/auth/login', { username: name, password })).toMatchObject({ status: 200 });
    }
    const without = newUser();
    expect(await admin.post('/v1/users', without)).toMatchObject({ status: 201 });
    const login = await app.http.post('/v1/auth/login', { username: without.username, password });
    expect(problem(login)).toEqual({ status: 401, code: 'invalid_credentials' });
  });

  it.each<[string, Record<string, unknown>]>([
    ['username', { username: '' }],
    ['username', { username: 'with@sign' }],
    ['username', { username: 'with space' }],
    ['username', { username: 'müller' }],
    ['username', { username: 'a'.repeat(65) }],
    ['username', { username: null }],
    ['email', { email: 'not an address' }],
    ['email', { email: 'mü@example.org' }],
    ['email', { email: `a@${'b'.repeat(255)}.org` }],
    ['email', { email: undefined }],
    ['email', { email: null }],
    ['displayName', { displayName: 'two\nlines' }],
    ['displayName', { displayName: 'a'.repeat(129) }],
    ['displayName', { displayName: '' }],
    ['password', { password: 'too short' }],
    ['password', { password: 'a'.repeat(257) }],
    ['password', { password: 'with NUL \0 inside' }],
    ['password', { password: null }],
    ['mustChangePassword', { mustChangePassword: 'yes' }],
    ['roles', { roles: 'admin' }],
    ['roles', { roles: ['auditor', 'auditor'] }],
    ['roles.1', { roles: ['auditor', 'no-such-role'] }],
    ['status', { status: 'disabled' }],
    ['passwordHash', { passwordHash: '$argon2id$' }],
  ])('refuses a bad %s: %j', async (field, wrong) => {
    const answer: Problem = await admin.post('/v1/users', { ...newUser(), ...wrong });
    expect(problem(answer)).toEqual({ status: 400, code: 'validation_failed' });
    expect(fields(answer)).toContain(field);
  });

  it('refuses a password that is the name or the address', async () => {
    const user = newUser(freshName('a-rather-long-name'));
    for (const password of [user.username.toUpperCase(), user.email]) {
      const answer: Problem = await admin.post('/v1/users', { ...user, password });
      expect({ ...problem(answer), fields: fields(answer) }).toMatchObject({ status: 400, fields: ['password'] });
    }
  });

  it('refuses names and addresses that differ in case only', async () => {
    const user = newUser();
    await admin.post('/v1/users', user);
    const sameName: Problem = await admin.post('/v1/users', { ...newUser(), username: user.username.toUpperCase() });
    expect({ ...problem(sameName), fields: fields(sameName) }).toEqual({
      status: 409,
      code: 'username_taken',
      fields: ['username'],
    });
    const sameEmail: Problem = await admin.post('/v1/users', { ...newUser(), email: user.email.toUpperCase() });
    expect({ ...problem(sameEmail), fields: fields(sameEmail) }).toEqual({
      status: 409,
      code: 'email_taken',
      fields: ['email'],
    });
  });

  it('creates one of fifty with the same name at the same time', async () => {
    const username = freshName();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        admin.post('/v1/users', { username, email: `${username}.${n.toString()}@example.org`, roles: ['auditor'] }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter((answer) => problem(answer).code === 'username_taken')).toHaveLength(49);
  });

  it('stores the password as argon2id, and nothing of it in the audit trail', async () => {
    const { id, password } = await createPerson(admin);
    const [row] = await app.database.query<{ password_hash: string }>('SELECT password_hash FROM users WHERE id = $1', [
      id,
    ]);
    expect(row?.password_hash).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$/);
    const trail = await app.database.query('SELECT * FROM audit_events WHERE target_id = $1', [id]);
    expect(trail).toMatchObject([{ action: 'user.created', outcome: 'success', actor_type: 'user' }]);
    expect(JSON.stringify(trail)).not.toContain(password);
  });
});

describe('who may', () => {
  it.each([
    ['GET', '/v1/users'],
    ['POST', '/v1/users'],
    ['GET', `/v1/users/${nobody}`],
    ['PATCH', `/v1/users/${nobody}`],
    ['POST', `/v1/users/${nobody}/disable`],
    ['POST', `/v1/users/${nobody}/enable`],
    ['PUT', `/v1/users/${nobody}/roles`],
    ['DELETE', `/v1/users/${nobody}`],
  ])('%s %s: nobody without a token, nor without the permission', async (method, path) => {
    const anonymous = await app.http.raw(method, path);
    expect(problem(anonymous)).toEqual({ status: 401, code: 'token_required' });
    const ordinary = await logInAs(app.http, await createPerson(admin));
    const answer = await ordinary.raw(method, path);
    expect(problem(answer)).toEqual({ status: 403, code: 'insufficient_scope' });
    const needed = method === 'GET' ? 'users:read' : 'users:write';
    expect(answer.headers.get('www-authenticate')).toBe(`Bearer error="insufficient_scope", scope="${needed}"`);
  });

  it('lets an auditor read, and not write', async () => {
    const auditor = await logInAs(app.http, await createPerson(admin, ['auditor']));
    expect(await auditor.get('/v1/users')).toMatchObject({ status: 200 });
    expect(await auditor.post('/v1/users', newUser())).toMatchObject({ status: 403 });
  });
});

describe('changing users', () => {
  it('changes what is given and leaves the rest', async () => {
    const { id, username } = await createPerson(admin);
    const before = (await admin.get(`/v1/users/${id}`)).body;
    const changed = await admin.patch(`/v1/users/${id}`, { displayName: 'New name', email: 'New@Example.org' });
    expect(changed).toMatchObject({
      status: 200,
      body: { username, displayName: 'New name', email: 'New@Example.org' },
    });
    expect(changed.body.credentialsChangedAt).toBe(before.credentialsChangedAt);
    const cleared = await admin.patch(`/v1/users/${id}`, { displayName: null, username: username.toUpperCase() });
    expect(cleared).toMatchObject({ status: 200, body: { displayName: null, username: username.toUpperCase() } });
  });

  it('leaves the version alone when nothing changes', async () => {
    const { id, email } = await createPerson(admin);
    const before = await admin.get(`/v1/users/${id}`);
    for (const same of [{}, { email }, { displayName: null, mustChangePassword: false }]) {
      const answer = await admin.patch(`/v1/users/${id}`, same);
      expect(answer).toMatchObject({ status: 200, body: before.body });
      expect(answer.headers.get('etag')).toBe(before.headers.get('etag'));
    }
  });

  it('resets a password: the old one and every session end, the new one logs in', async () => {
    const person = await createPerson(admin);
    const session = await logInAs(app.http, person);
    expect(await session.get('/v1/auth/me')).toMatchObject({ status: 200 });
    const reset = await admin.patch(`/v1/users/${person.id}`, { password: 'another fine password' });
    expect(reset).toMatchObject({ status: 200, body: { mustChangePassword: false } });
    const refused = await session.get('/v1/auth/me');
    expect(refused).toMatchObject({ status: 401, body: { code: 'invalid_token', reason: 'credentials_changed' } });
    const { username } = person;
    const withOld = await app.http.post('/v1/auth/login', { username, password: person.password });
    expect(withOld.status).toBe(401);
    await logIn(app.http, { username, password: 'another fine password' });
  });

  it('can ask for a new password, which ends what the present one began; asking again ends nothing more', async () => {
    const person = await createPerson(admin);
    const { id, username, password } = person;
    const session = await signIn(app.http, person);
    await admin.patch(`/v1/users/${id}`, { mustChangePassword: true });
    expect(await verdict(session.http)).toBe('401 credentials_changed');
    expect(await refreshVerdict(app.http, session.refreshToken)).toBe('401 invalid_grant');
    const login = await app.http.post<{ changeToken: string }>('/v1/auth/login', { username, password });
    expect(problem(login)).toEqual({ status: 403, code: 'password_change_required' });
    await admin.patch(`/v1/users/${id}`, { mustChangePassword: true, displayName: 'Ann' });
    const changed = await app.http.post('/v1/auth/password/change', {
      changeToken: login.body.changeToken,
      newPassword: 'violet otters juggle lanterns',
    });
    expect(changed.status).toBe(200);
    expect(await verdict(signedIn(app.http, changed.body).http)).toBe('accepted');
  });

  it('measures a new password against the new name', async () => {
    const { id } = await createPerson(admin);
    const name = freshName('an-entirely-new-name');
    const answer: Problem = await admin.patch(`/v1/users/${id}`, { username: name, password: name });
    expect({ ...problem(answer), fields: fields(answer) }).toMatchObject({ status: 400, fields: ['password'] });
  });

  it('refuses what is taken, null where there must be something, and unknown fields', async () => {
    const [one, other] = [await createPerson(admin), await createPerson(admin)];
    const path = `/v1/users/${one.id}`;
    const taken = await admin.patch(path, { username: other.username.toUpperCase() });
    expect(problem(taken)).toEqual({ status: 409, code: 'username_taken' });
    expect(problem(await admin.patch(path, { email: other.email }))).toEqual({ status: 409, code: 'email_taken' });
    for (const wrong of [
      { username: null },
      { email: null },
      { password: null },
      { roles: [] },
      { status: 'active' },
    ]) {
      expect(problem(await admin.patch(path, wrong))).toEqual({ status: 400, code: 'validation_failed' });
    }
    expect(problem(await admin.patch(`/v1/users/${nobody}`, {}))).toEqual({ status: 404, code: 'not_found' });
    const unknown = await admin.patch(`/v1/users/${nobody}`, { password: 'another fine password' });
    expect(problem(unknown)).toEqual({ status: 404, code: 'not_found' });
  });

  it('refuses every kind of change to a version that is not the current one', async () => {
    const { id } = await createPerson(admin);
    const path = `/v1/users/${id}`;
    const headers = { 'if-match': (await admin.get(path)).headers.get('etag') ?? '' };
    const changed = await admin.patch(path, { displayName: 'First' }, { headers });
    expect(changed.status).toBe(200);
    const stale = [
      await admin.patch(path, { displayName: 'Second' }, { headers }),
      await admin.post(`${path}/disable`, undefined, { headers }),
      await admin.post(`${path}/enable`, undefined, { headers }),
      await admin.put(`${path}/roles`, { roles: ['auditor'] }, { headers }),
      await admin.delete(path, undefined, { headers }),
    ];
    expect(stale.map(problem)).toEqual(Array(5).fill({ status: 412, code: 'precondition_failed' }));
    expect((await admin.get(path)).body).toEqual(changed.body);

    let current = changed.headers.get('etag') ?? '';
    for (const next of [
      () => admin.put(`${path}/roles`, { roles: ['auditor'] }, { headers: { 'if-match': current } }),
      () => admin.post(`${path}/disable`, undefined, { headers: { 'if-match': current } }),
      () => admin.post(`${path}/enable`, undefined, { headers: { 'if-match': `"0", ${current}` } }),
    ]) {
      const answer = await next();
      expect(answer.status).toBe(200);
      expect(answer.headers.get('etag')).not.toBe(current);
      current = answer.headers.get('etag') ?? '';
    }
    expect(await admin.delete(path, undefined, { headers: { 'if-match': current } })).toMatchObject({ status: 204 });
  });

  it('lets one of two editors win who read the same version', async () => {
    const { id } = await createPerson(admin);
    const headers = { 'if-match': (await admin.get(`/v1/users/${id}`)).headers.get('etag') ?? '' };
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        admin.patch(`/v1/users/${id}`, { displayName: `Editor ${n.toString()}` }, { headers }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(412)]);
  });
});

describe('disabling, enabling, deleting', () => {
  it('refuses the very next request of a disabled user, and logs nobody in until the user is enabled again', async () => {
    const person = await createPerson(admin);
    const { id, username, password } = person;
    const session = await logInAs(app.http, person);
    expect(await admin.post(`/v1/users/${id}/disable`)).toMatchObject({ status: 200, body: { status: 'disabled' } });
    expect(await session.get('/v1/auth/me')).toMatchObject({ status: 401, body: { reason: 'user_disabled' } });
    expect(problem(await app.http.post('/v1/auth/login', { username, password }))).toMatchObject({ status: 401 });
    expect(await admin.post(`/v1/users/${id}/enable`)).toMatchObject({ status: 200, body: { status: 'active' } });
    expect(await session.get('/v1/auth/me')).toMatchObject({ status: 401 });
    await logInAs(app.http, person);
  });

  it('is the same when done twice', async () => {
    const { id } = await createPerson(admin);
    for (const verb of ['disable', 'enable']) {
      const once = await admin.post(`/v1/users/${id}/${verb}`);
      const twice = await admin.post(`/v1/users/${id}/${verb}`);
      expect(twice).toMatchObject({ status: 200, body: once.body });
      expect(twice.headers.get('etag')).toBe(once.headers.get('etag'));
    }
    const actions = await app.database.query('SELECT action FROM audit_events WHERE target_id = $1 ORDER BY id', [id]);
    expect(actions.map(({ action }) => action)).toEqual(['user.created', 'user.disabled', 'user.enabled']);
  });

  it('deletes a user with everything that hangs on it, and keeps the audit trail', async () => {
    const person = await createPerson(admin, ['auditor']);
    const session = await logInAs(app.http, person);
    expect(await admin.delete(`/v1/users/${person.id}`)).toMatchObject({ status: 204, body: '' });
    expect(await session.get('/v1/auth/me')).toMatchObject({ status: 401, body: { reason: 'user_deleted' } });
    expect(problem(await admin.get(`/v1/users/${person.id}`))).toMatchObject({ status: 404 });
    expect(problem(await admin.delete(`/v1/users/${person.id}`))).toMatchObject({ status: 404 });
    const [left] = await app.database.query(
      `SELECT (SELECT count(*)::int FROM sessions WHERE user_id = $1) AS sessions,
         (SELECT count(*)::int FROM user_roles WHERE user_id = $1) AS roles,
         (SELECT count(*)::int FROM audit_events WHERE target_id = $2 AND action = 'user.deleted') AS trail`,
      [person.id, person.id],
    );
    expect(left).toEqual({ sessions: 0, roles: 0, trail: 1 });
    const again = { username: person.username, email: person.email };
    expect(problem(await admin.post('/v1/users', again))).toEqual({ status: 409, code: 'username_quarantined' });
    const other = { ...again, username: `${person.username}2` };
    expect(problem(await admin.post('/v1/users', other))).toEqual({ status: 409, code: 'email_quarantined' });
    expect(await admin.post('/v1/users', { ...other, email: `2${person.email}` })).toMatchObject({ status: 201 });
  });

  it.each(['disable', 'enable'])('cannot %s whom there is not', async (verb) => {
    expect(problem(await admin.post(`/v1/users/${nobody}/${verb}`))).toEqual({ status: 404, code: 'not_found' });
  });
});
