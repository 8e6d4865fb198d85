import { it, jest } from '@jest/globals';
import fc from 'fast-check';
import { outrunsWindow, ValidityWindow, type VerifiedToken } from '@portcullis/verifier';
import { Ledger, must, type Follower, type KnownSession, type Login, type Started } from './support/ledger.js';
import { GRACE_SECONDS, SESSION_SECONDS, ServiceModel, type Lifetimes, type Scope } from './support/service-model.js';
import { sized } from './support/size.js';

jest.setTimeout(600_000);

const RUNS = sized(100_000);
const STEPS = 30;
const PEOPLE = 3;
const ROLES = ['r0', 'r1'];
const PERMISSIONS = ['p:0', 'p:1'];
const AUDIENCES = [['issuer'], ['issuer', 'orders']];
const WAITS = [0, 0, 1, 9, 11, 60, 250, 500];
const LIFETIMES: Lifetimes[] = [
  { access: 10, generated: 60 },
  { access: 60, generated: 300 },
  { access: 300, generated: 3600 },
  { access: 900, generated: 900 },
];
const SCOPES: Scope[] = ['global', 'user', 'client', 'audience', 'session', 'role', 'token'];

/** What is done, each as often as its weight says. */
const ACTIONS = [
  ...Array<'check a password'>(5).fill('check a password'),
  ...Array<'finish a login'>(6).fill('finish a login'),
  ...Array<'refresh'>(8).fill('refresh'),
  ...Array<'generate'>(2).fill('generate'),
  ...Array<'wait'>(6).fill('wait'),
  ...Array<'follow'>(4).fill('follow'),
  ...Array<'trim'>(2).fill('trim'),
  ...Array<'force'>(3).fill('force'),
  ...(['disable', 'enable', 'enable', 'create', 'delete', 'change password', 'log out', 'revoke key'] as const),
  ...([
    'grant role',
    'grant role',
    'take role',
    'take permission',
    'create role',
    'delete role',
    'set lifetimes',
  ] as const),
];

let decisions = 0;
let refreshes = 0;

/** The service, and beside it what is right. */
class World {
  readonly model = new ServiceModel();
  readonly ledger = new Ledger();
  readonly people: string[] = [];
  readonly instances: Lifetimes[] = [{ access: 60, generated: 300 }];
  readonly followers: Follower[] = [false, true].map((hashedKeys) => ({
    window: new ValidityWindow({ hashedKeys, monotonic: () => this.model.now * 1000 }),
    tick: -1,
  }));
  /** What was done, for whoever reads a counterexample. */
  readonly story: string[] = [];

  constructor() {
    for (let n = 0; n < PEOPLE; n++) this.#create(n);
    for (const role of ROLES) this.model.rolePermissions.set(role, new Set(PERMISSIONS));
    for (const instance of this.instances) this.model.tend(instance);
  }

  do(choice: number): void {
    const { model } = this;
    const action = pick(ACTIONS, choice);
    const n = Math.floor(choice / ACTIONS.length);
    const user = pick(this.people, n);
    const role = pick(ROLES, n >> 3);
    const instance = pick(this.instances, n >> 5);
    model.now += 0.001;
    this.ledger.tick++;
    this.story.push(`${action} ${n}`);
    switch (action) {
      case 'check a password': {
        const proof = model.prove(user);
        if (proof) this.ledger.checking.push({ proof, audience: pick(AUDIENCES, n >> 3), spoilt: false });
        return;
      }
      case 'finish a login': {
        const login = this.ledger.checking.shift();
        if (login) this.#finish(login, instance);
        return;
      }
      case 'refresh':
        if (this.ledger.sessions.length > 0) this.#refresh(pick(this.ledger.sessions, n), n >> 4, instance);
        return;
      case 'generate':
        this.ledger.remember(model.generate(user, instance));
        return;
      case 'wait':
        model.now += pick(WAITS, n);
        for (const running of this.instances) model.tend(running);
        return;
      case 'follow': {
        this.#follow(pick(this.followers, n));
        return;
      }
      case 'trim': {
        model.trim();
        return;
      }
      case 'set lifetimes':
        this.instances[n & 1] = pick(LIFETIMES, n >> 1);
        for (const running of this.instances) model.tend(running);
        return;
      case 'force': {
        this.#force(pick(SCOPES, n), n >> 3);
        return;
      }
      case 'disable':
        if (model.users.get(user)?.status === 'active') this.ledger.endUser(user);
        {
          model.setStatus(user, 'disabled');
          return;
        }
      case 'enable': {
        model.setStatus(user, 'active');
        return;
      }
      case 'create':
        if (!model.users.has(user)) this.#create(n % PEOPLE);
        return;
      case 'delete':
        this.ledger.endUser(user);
        {
          model.remove(user);
          return;
        }
      case 'change password':
        this.ledger.endUser(user);
        {
          model.setPassword(user);
          return;
        }
      case 'log out': {
        const session = this.ledger.sessions.at(n % Math.max(1, this.ledger.sessions.length));
        if (!session) return;
        this.ledger.endSessions(({ id }) => id === session.id);
        this.ledger.endTokens(({ claims }) => claims.sid === session.id);
        model.endSession(session.id);
        return;
      }
      case 'revoke key': {
        const { kid } = model;
        this.ledger.endTokens((token) => token.kid === kid);
        model.revokeKey();
        return;
      }
      case 'grant role': {
        model.grantRole(user, role);
        return;
      }
      case 'take role':
        if (!model.users.get(user)?.roles.has(role)) return;
        this.ledger.endTokens(({ claims }) => claims.sub === user);
        {
          model.takeRole(user, role);
          return;
        }
      case 'take permission': {
        const permission = pick(PERMISSIONS, n >> 5);
        if (!model.rolePermissions.get(role)?.has(permission)) return;
        this.ledger.take(role, permission);
        model.takePermission(role, permission);
        return;
      }
      case 'create role':
        if (!model.rolePermissions.has(role)) model.rolePermissions.set(role, new Set(PERMISSIONS));
        return;
      case 'delete role':
        if (!model.rolePermissions.has(role)) return;
        this.ledger.take(role, role, ...(model.rolePermissions.get(role) ?? []));
        {
          model.removeRole(role);
          return;
        }
    }
  }

  /** Every window, caught up and not, decides about every token. */
  judge(): void {
    for (const follower of this.followers) this.ledger.judge(follower, this.model.now);
    for (const follower of this.followers) this.#follow(follower);
  }

  /** Nobody ever gets the id of somebody else. */
  #create(n: number): void {
    const user = `u${n}-${this.ledger.tick}`;
    this.people[n] = user;
    this.model.users.set(user, { status: 'active', epoch: 0, roles: new Map([['r0', this.model.now]]) });
  }

  #finish({ proof, audience, spoilt }: Login, instance: Lifetimes): void {
    const { id, refreshToken } = this.model.start(proof, audience);
    const expiresAt = this.model.now + SESSION_SECONDS;
    const known = { id, user: proof.user, audience, ended: spoilt, expiresAt };
    const session = { ...known, refreshTokens: [refreshToken], uses: [] };
    this.ledger.sessions.push(session);
    this.#expectMinted(session, this.model.mint(id, instance));
  }

  #refresh(session: KnownSession, back: number, instance: Lifetimes): void {
    refreshes++;
    const { model } = this;
    const newest = session.refreshTokens.length - 1;
    const presented = Math.max(0, newest - (back % 4));
    const answer = model.refresh(session.refreshTokens[presented] ?? '');
    if (session.ended || session.expiresAt <= model.now) {
      must(answer === null, 'a session that has ended is refreshed');
      return;
    }
    const used = session.uses[presented];
    if (used !== undefined && Math.round((model.now - used) * 1000) > GRACE_SECONDS * 1000) {
      must(answer === 'reuse', 'a refresh token used long ago is not noticed');
      session.ended = true;
      this.ledger.endTokens(({ claims }) => claims.sid === session.id);
      return;
    }
    if (typeof answer !== 'object' || answer === null) throw new Error(`a good refresh token gave ${String(answer)}`);
    if (used === undefined) {
      session.uses.push(model.now);
      session.refreshTokens.push(answer.refreshToken);
      session.expiresAt = Math.max(session.expiresAt, model.now + SESSION_SECONDS);
    }
    must(answer.refreshToken === session.refreshTokens[presented + 1], 'a refresh token has two successors');
    this.#expectMinted(session, model.mint(session.id, instance));
  }

  #expectMinted(session: KnownSession, token: VerifiedToken | null): void {
    // In its last second a session has no time left for a token.
    if (!session.ended && session.expiresAt - this.model.now > 2) must(token !== null, 'a live session gets no token');
    if (session.ended) must(token === null, 'a session that has ended gets a token');
    this.ledger.remember(token);
  }

  #force(scope: Scope, n: number): void {
    const session = this.ledger.sessions.at(n % Math.max(1, this.ledger.sessions.length));
    const token = this.ledger.tokens.at(n % Math.max(1, this.ledger.tokens.length))?.verified;
    const endSessions = (n & 1) === 0;
    const user = pick(this.people, n >> 1);
    const role = pick(ROLES, n >> 1);
    const { model } = this;
    const force = (
      key: string,
      isToken: (token: VerifiedToken) => boolean,
      isSession: (session: Started) => boolean,
    ): void => {
      this.ledger.endTokens(isToken);
      if (endSessions) this.ledger.endSessions(isSession);
      model.force(scope, key, endSessions);
    };
    const all = (): boolean => true;
    switch (scope) {
      case 'global': {
        force('*', all, all);
        return;
      }
      case 'client': {
        force('portcullis', all, all);
        return;
      }
      case 'user': {
        force(
          user,
          ({ claims }) => claims.sub === user,
          (of) => of.user === user,
        );
        return;
      }
      case 'audience': {
        force(
          'orders',
          ({ principal }) => principal.audience.includes('orders'),
          ({ audience }) => audience.includes('orders'),
        );
        return;
      }
      case 'session':
        if (session)
          force(
            session.id,
            ({ claims }) => claims.sid === session.id,
            ({ id }) => id === session.id,
          );
        return;
      case 'token':
        if (token)
          force(
            token.claims.jti,
            ({ claims }) => claims.jti === token.claims.jti,
            () => false,
          );
        return;
      case 'role':
        if (!model.rolePermissions.has(role)) return;
        this.ledger.take(role, role, ...(model.rolePermissions.get(role) ?? []));
        {
          force(
            role,
            () => false,
            (of) => model.users.get(of.user)?.roles.has(role) ?? false,
          );
          return;
        }
    }
  }

  #follow(follower: Follower): void {
    const { window } = follower;
    const ask = (after: number) => window.apply(this.model.read(after, window.hashedKeys), after);
    if (ask(window.position) === 'reload') must(ask(0) === 'applied', 'the whole window is not taken');
    follower.tick = this.ledger.tick;
    for (const { verified } of this.ledger.tokens) {
      must(
        verified.claims.exp <= this.model.now || !outrunsWindow(verified, window),
        'a window that is caught up lags',
      );
    }
    this.ledger.judge(follower, this.model.now);
  }
}

function pick<T>(list: readonly T[], n: number): T {
  const found = list[n % list.length];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

it('refuses every token older than what concerns it and accepts every other, in 100,000 interleavings', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 2 ** 30 }), { maxLength: STEPS, size: 'max' }), (choices) => {
      const world = new World();
      try {
        for (const choice of choices) world.do(choice);
        world.judge();
        decisions += world.ledger.decisions;
      } catch (cause) {
        throw new Error(`${String(cause)}, after: ${world.story.join(', ')}`, { cause });
      }
    }),
    { numRuns: RUNS },
  );
  console.log(`proof: ${RUNS} interleavings, ${decisions} decisions and ${refreshes} refreshes: 0 wrong`);
});
