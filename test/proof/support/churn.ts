import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { RawConnection } from '../../support/socket.js';
import { Connections } from './connections.js';
import { headerOf, requestText, type Reply, type RequestParts } from './http-connection.js';

interface Session {
  accessToken: string;
  refreshToken: string;
}

interface Someone {
  id: string;
  username: string;
  password: string;
  sessions: Session[];
}

/** Between the beginnings of two actions (ms): a fifth of a core, which leaves room for what runs beside it. */
const PACE = 50;
/** Before this many have been answered no more are begun. */
const MOST_AT_ONCE = 40;
const PEOPLE = 40;
const OLD_TOKENS = 200;
const ME = '/v1/auth/me';
const LOGIN = '/v1/auth/login';
const USERS = '/v1/users';

const anyOf = <T>(list: readonly T[]): T | undefined => list[randomInt(Math.max(1, list.length))];

/** All that people, admins and machines do to the service in the course of time, for as long as it is wanted, and some of what they should not. */
export class Churn {
  /** How often each action was begun. */
  readonly actions: Record<string, number> = {};
  readonly statuses: Record<number, number> = {};
  /** What should not have happened. */
  readonly wrong: string[] = [];
  private readonly people: Someone[] = [];
  private readonly oldTokens: string[] = [];
  private readonly connections: Connections;
  private adminToken = '';
  private followed = 0;
  private underWay = 0;
  private stopping = false;
  private running: Promise<void> = Promise.resolve();

  /** Action and how many of a hundred. What ends tokens is about one in twenty. */
  private readonly choice: [name: string, weight: number, action: () => Promise<unknown>][] = [
    ['use a token', 50, () => this.ask('GET', ME, { token: this.anyToken() })],
    ['use an old token', 8, () => this.ask('GET', ME, { token: anyOf(this.oldTokens) ?? this.anyToken() })],
    ['log in', 5, () => this.logIn()],
    ['refresh', 10, () => this.refresh()],
    ['log out', 3, () => this.logOut()],
    ['create a user', 1.5, () => this.create()],
    ['disable or enable a user', 2, () => this.toggle()],
    ['delete a user', 1.5, () => this.remove()],
    ['change a password', 0.5, () => this.changePassword()],
    ['force an expiration', 1, () => this.force()],
    ['end everything', 0.05, () => this.forceAll()],
    ['list users', 2, () => this.asAdmin('GET', `${USERS}?limit=20`)],
    ['explain a token', 1, () => this.asAdmin('POST', '/v1/tokens/explain', { token: this.anyToken() })],
    ['follow what ends tokens', 2, () => this.follow()],
    ['hang up', 5, () => this.hangUp()],
    ['send nonsense', 6, () => this.sendNonsense()],
    ['guess at a name that nobody has', 1, () => this.guess()],
  ];

  constructor(
    url: string,
    private readonly admin: { username: string; password: string },
  ) {
    this.connections = new Connections(url);
  }

  start(): void {
    this.running = this.run();
  }

  /** When everything begun has been answered. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
    this.connections.close();
  }

  /** How many events this will have made, by what leaves one. */
  get events(): number {
    const names = ['log out', 'disable or enable a user', 'delete a user', 'change a password', 'force an expiration'];
    return names.reduce((sum, name) => sum + (this.actions[name] ?? 0), 0);
  }

  private async run(): Promise<void> {
    await this.becomeAdmin();
    for (let n = 0; n < PEOPLE; n++) await this.create();
    const total = this.choice.reduce((sum, [, weight]) => sum + weight, 0);
    let due = performance.now();
    while (!this.stopping) {
      if (this.underWay < MOST_AT_ONCE) this.begin((randomInt(1e6) / 1e6) * total);
      due = Math.max(due + PACE, performance.now() - PACE);
      await delay(Math.max(0, due - performance.now()));
    }
    while (this.underWay > 0) await delay(PACE);
  }

  private begin(point: number): void {
    let left = point;
    const [name, , action] = this.choice.find(([, weight]) => (left -= weight) < 0) ?? this.choice[0] ?? [];
    if (name === undefined || action === undefined) return;
    this.actions[name] = (this.actions[name] ?? 0) + 1;
    this.underWay++;
    action()
      .catch((error: unknown) => this.wrong.push(`${name}: ${String(error)}`))
      .finally(() => this.underWay--);
  }

  private async ask(method: string, path: string, parts?: RequestParts): Promise<Reply> {
    const reply = await this.connections.ask(method, path, parts);
    const { status } = reply;
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    const refusedWell = status === 503 && Number(headerOf(reply, 'retry-after')) >= 1;
    if (status >= 500 && !refusedWell) this.wrong.push(`${method} ${path}: ${status} ${reply.body}`);
    return reply;
  }

  private async asAdmin(method: string, path: string, body?: object): Promise<Reply> {
    const first = await this.ask(method, path, { token: this.adminToken, ...(body && { body }) });
    if (first.status !== 401) return first;
    await this.becomeAdmin();
    return this.ask(method, path, { token: this.adminToken, ...(body && { body }) });
  }

  private async becomeAdmin(): Promise<void> {
    const session = sessionIn(await this.ask('POST', LOGIN, { body: this.admin }));
    if (session) this.adminToken = session.accessToken;
  }

  private anySession(): Session | undefined {
    return anyOf(anyOf(this.people)?.sessions ?? []);
  }

  private anyToken(): string {
    return this.anySession()?.accessToken ?? anyOf(this.oldTokens) ?? 'none';
  }

  private retire({ accessToken }: Session): void {
    this.oldTokens.push(accessToken);
    if (this.oldTokens.length > OLD_TOKENS) this.oldTokens.shift();
  }

  private keep(person: Someone, session: Session | undefined): void {
    if (!session) return;
    person.sessions.push(session);
    if (person.sessions.length > 3) this.retire(person.sessions.shift() ?? session);
  }

  private async logIn(): Promise<void> {
    const person = anyOf(this.people);
    if (!person) return;
    const { username, password } = person;
    this.keep(person, sessionIn(await this.ask('POST', LOGIN, { body: { username, password } })));
  }

  private async refresh(): Promise<void> {
    const person = anyOf(this.people);
    const session = person?.sessions.shift();
    if (!person || !session) return;
    this.retire(session);
    const body = { refresh_token: session.refreshToken };
    this.keep(person, sessionIn(await this.ask('POST', '/v1/auth/refresh', { body })));
  }

  private async logOut(): Promise<void> {
    const session = anyOf(this.people)?.sessions.pop();
    if (!session) return;
    this.retire(session);
    await this.ask('POST', '/v1/auth/logout', { body: { refresh_token: session.refreshToken } });
  }

  private async create(): Promise<void> {
    const username = `s${randomBytes(6).toString('hex')}`;
    const password = `password of ${username}`;
    const { status, body } = await this.asAdmin('POST', USERS, {
      username,
      email: `${username}@example.org`,
      password,
      roles: ['auditor'],
    });
    if (status !== 201) return;
    const { id } = JSON.parse(body) as { id: string };
    this.people.push({ id, username, password, sessions: [] });
  }

  private async toggle(): Promise<void> {
    const id = anyOf(this.people)?.id ?? '';
    await this.asAdmin('POST', `${USERS}/${id}/disable`);
    await this.asAdmin('POST', `${USERS}/${id}/enable`);
  }

  private async remove(): Promise<void> {
    if (this.people.length < PEOPLE / 2) return;
    const [person] = this.people.splice(randomInt(this.people.length), 1);
    await this.asAdmin('DELETE', `${USERS}/${person?.id ?? ''}`);
  }

  private async changePassword(): Promise<void> {
    const person = anyOf(this.people);
    const session = person?.sessions.pop();
    if (!person || !session) return;
    this.retire(session);
    const newPassword = `password no. ${randomInt(1e9)} of ${person.username}`;
    const reply = await this.ask('POST', '/v1/auth/password/change', {
      token: session.accessToken,
      body: { currentPassword: person.password, newPassword },
    });
    if (reply.status === 200) person.password = newPassword;
    this.keep(person, sessionIn(reply));
  }

  private async force(): Promise<void> {
    const body = { scope: 'user', key: anyOf(this.people)?.id ?? '', reason: 'soak', endSessions: randomInt(2) === 0 };
    await this.asAdmin('POST', '/v1/forced-expirations', body);
  }

  private async forceAll(): Promise<void> {
    await this.asAdmin('POST', '/v1/forced-expirations', { scope: 'global', reason: 'soak', endSessions: false });
  }

  private async follow(): Promise<void> {
    const { status, body } = await this.asAdmin('GET', `/v1/validity/events?after=${this.followed}&wait=1`);
    if (status === 200) this.followed = (JSON.parse(body) as { seq: number }).seq;
  }

  /** Leaves at some moment: in the middle of the request, or before its answer. */
  private async hangUp(): Promise<void> {
    const person = anyOf(this.people);
    const requests = [
      requestText('POST', LOGIN, { body: { username: person?.username, password: person?.password } }),
      requestText('GET', ME, { token: this.anyToken() }),
      requestText('GET', '/v1/validity/events?after=1&wait=20', { token: this.adminToken }),
    ];
    const request = anyOf(requests) ?? '';
    const connection = await RawConnection.open(this.connections.url);
    connection.send(randomInt(3) === 0 ? request.slice(0, randomInt(request.length)) : request);
    await delay(randomInt(60));
    connection.close();
  }

  private async sendNonsense(): Promise<void> {
    const noise = randomBytes(24).toString('base64url');
    const token = this.anyToken();
    const nonsense: [string, string, RequestParts?][] = [
      ['GET', `/${noise}`],
      ['GET', `${USERS}/${noise}`, { token }],
      ['PUT', LOGIN, { body: {} }],
      ['POST', LOGIN, { body: { username: noise, password: 7, [noise]: noise } }],
      ['POST', LOGIN, { body: { username: 'x'.repeat(70_000), password: noise } }],
      ['POST', LOGIN, { body: {}, headers: { 'content-type': 'text/plain' } }],
      ['POST', '/v1/auth/refresh', { body: { refresh_token: noise } }],
      ['GET', ME, { token: noise }],
      ['GET', ME, { token: `${token.slice(0, -20)}${noise.slice(0, 20)}` }],
      ['GET', ME, { headers: { 'x-request-id': noise, 'x-forwarded-for': noise, 'user-agent': noise.repeat(100) } }],
    ];
    const [method, path, parts] = anyOf(nonsense) ?? ['GET', '/'];
    await this.ask(method, path, parts);
  }

  private async guess(): Promise<void> {
    await this.ask('POST', LOGIN, { body: { username: randomBytes(8).toString('hex'), password: 'a guess' } });
  }
}

function sessionIn({ status, body }: Reply): Session | undefined {
  if (status !== 200) return undefined;
  const tokens = JSON.parse(body) as { access_token: string; refresh_token: string };
  return { accessToken: tokens.access_token, refreshToken: tokens.refresh_token };
}
