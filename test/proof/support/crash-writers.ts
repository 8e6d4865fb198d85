import { randomBytes } from 'node:crypto';
import type { Answer, HttpClient } from '../../support/http.js';
import {
  createPerson,
  refreshVerdict,
  signedIn,
  signIn,
  verdict,
  type Person,
  type SignedIn,
} from '../../support/people.js';

/** A service that runs now: without a token, and as the admin. */
export interface Access {
  http: HttpClient;
  admin: HttpClient;
}

/**
 * Changes one sort of thing, again and again, until the service is killed; and says afterwards whether what was acknowledged is there.
 * Of the last change, whose answer never came, nobody knows whether it happened: either is right, and one of them must be.
 */
export interface Writer {
  write(access: Access, acknowledged: () => void): Promise<void>;
  /** What is wrong after the next start. */
  check(access: Access): Promise<string[]>;
}

/** Each sort once, on new people. */
export async function newWriters({ admin }: Access): Promise<Writer[]> {
  return [
    new Creator(),
    new PasswordChanger(await createPerson(admin)),
    new Switcher(await createPerson(admin)),
    new Leaver(await createPerson(admin)),
    new Refresher(await createPerson(admin)),
  ];
}

class Creator implements Writer {
  private created: string[] = [];

  async write({ admin }: Access, acknowledged: () => void): Promise<void> {
    for (;;) {
      const username = `made${randomBytes(6).toString('hex')}`;
      await expecting(201, admin.post('/v1/users', { username, email: `${username}@example.org` }));
      this.created.push(username);
      acknowledged();
    }
  }

  async check({ admin }: Access): Promise<string[]> {
    const wrong: string[] = [];
    for (const username of this.created.splice(0)) {
      const { body } = await admin.get<{ items: { username: string }[] }>(`/v1/users?search=${username}`);
      if (body.items.length !== 1) wrong.push(`${username} was created, and is not there`);
    }
    return wrong;
  }
}

class PasswordChanger implements Writer {
  private session: SignedIn | undefined;
  private before: SignedIn | undefined;
  private attempted: string | undefined;

  constructor(private readonly person: Person) {}

  async write({ http }: Access, acknowledged: () => void): Promise<void> {
    this.session = await signIn(http, this.person);
    for (;;) {
      this.attempted = `password ${randomBytes(12).toString('hex')}`;
      const change = { currentPassword: this.person.password, newPassword: this.attempted };
      const { body } = await expecting(200, this.session.http.post('/v1/auth/password/change', change));
      this.person.password = this.attempted;
      this.before = this.session;
      this.session = signedIn(http, body);
      acknowledged();
    }
  }

  async check({ http }: Access): Promise<string[]> {
    const wrong: string[] = [];
    const works = async (password: string): Promise<boolean> =>
      (await http.post('/v1/auth/login', { username: this.person.username, password })).status === 200;
    const acknowledged = await works(this.person.password);
    const other = this.attempted !== undefined && this.attempted !== this.person.password ? this.attempted : undefined;
    const attempted = other !== undefined && (await works(other));
    if (acknowledged === attempted) wrong.push(`the old password works: ${acknowledged}, the new one: ${attempted}`);
    const said = this.session && (await verdict(http.as(this.session.accessToken)));
    if (said !== undefined && (said === 'accepted') !== acknowledged)
      wrong.push(`the session of the password: ${said}`);
    if (this.before && (await verdict(http.as(this.before.accessToken))) !== '401 credentials_changed') {
      wrong.push('WRONG ACCEPTANCE of a token from before the password was changed');
    }
    if (attempted) this.person.password = other;
    return wrong;
  }
}

class Switcher implements Writer {
  private status = 'active';
  private attempted = 'active';
  private ended: SignedIn | undefined;

  constructor(private readonly person: Person) {}

  async write({ http, admin }: Access, acknowledged: () => void): Promise<void> {
    const become = async (status: string, action: string): Promise<void> => {
      this.attempted = status;
      await expecting(200, admin.post(`/v1/users/${this.person.id}/${action}`));
      this.status = status;
      acknowledged();
    };
    for (;;) {
      await become('active', 'enable');
      const session = await signIn(http, this.person);
      await become('disabled', 'disable');
      this.ended = session;
    }
  }

  async check({ http, admin }: Access): Promise<string[]> {
    const wrong: string[] = [];
    const { body } = await admin.get(`/v1/users/${this.person.id}`);
    const status = String(body['status']);
    if (![this.status, this.attempted].includes(status)) wrong.push(`${status}, and should be ${this.status}`);
    this.status = status;
    if (this.ended) {
      const said = await verdict(http.as(this.ended.accessToken));
      if (said !== '401 user_disabled') wrong.push(`WRONG: ${said} to a token from before the user was disabled`);
      const refreshed = await refreshVerdict(http, this.ended.refreshToken);
      if (refreshed !== '401 invalid_grant') wrong.push(`WRONG: a disabled user's refresh is answered ${refreshed}`);
    }
    return wrong;
  }
}

class Leaver implements Writer {
  private left: SignedIn[] = [];

  constructor(private readonly person: Person) {}

  async write({ http }: Access, acknowledged: () => void): Promise<void> {
    for (;;) {
      const session = await signIn(http, this.person);
      acknowledged();
      await expecting(204, session.http.post('/v1/auth/logout'));
      this.left.push(session);
      acknowledged();
    }
  }

  async check({ http }: Access): Promise<string[]> {
    const wrong: string[] = [];
    for (const { accessToken, refreshToken } of this.left.splice(0).slice(-5)) {
      const said = await verdict(http.as(accessToken));
      if (said !== '401 session_ended') wrong.push(`WRONG: ${said} to a token of a session that was logged out`);
      const refreshed = await refreshVerdict(http, refreshToken);
      if (refreshed !== '401 invalid_grant') wrong.push(`WRONG: a refresh after logout is answered ${refreshed}`);
    }
    return wrong;
  }
}

/** One session for all its life: each refresh token leads to the next, even where the answer was lost. */
class Refresher implements Writer {
  private session: SignedIn | undefined;

  constructor(private readonly person: Person) {}

  async write({ http }: Access, acknowledged: () => void): Promise<void> {
    this.session ??= await signIn(http, this.person);
    for (;;) {
      await this.refresh(http);
      acknowledged();
    }
  }

  async check({ http }: Access): Promise<string[]> {
    if (!this.session) return [];
    const said = await verdict(http.as(this.session.accessToken));
    const wrong = said === 'accepted' ? [] : [`WRONG REFUSAL of a token of a session that goes on: ${said}`];
    await this.refresh(http).catch((error: unknown) => wrong.push(`its refresh token is lost: ${String(error)}`));
    return wrong;
  }

  private async refresh(http: HttpClient): Promise<void> {
    const body = { refresh_token: this.session?.refreshToken };
    this.session = signedIn(http, (await expecting(200, http.post('/v1/auth/refresh', body))).body);
  }
}

/** An answer that is none of those that a kill explains is a fault. */
export class Unexpected extends Error {}

async function expecting<Body>(status: number, answering: Promise<Answer<Body>>): Promise<Answer<Body>> {
  const answer = await answering;
  if (answer.status !== status) throw new Unexpected(`${answer.status} ${JSON.stringify(answer.body)}`);
  return answer;
}
