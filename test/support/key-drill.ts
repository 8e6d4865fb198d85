import { KeyRotation } from '../../src/keys/key-rotation.service.js';
import { KeyTender } from '../../src/keys/key-tender.js';
import { ADMIN, type TestApp } from './app.js';
import type { Answer, HttpClient } from './http.js';
import { signIn } from './people.js';
import { headerOf } from './tokens.js';

/** A key as the service shows it. */
export interface ShownKey extends Record<string, unknown> {
  kid: string;
  state: string;
  algorithm: string;
}

/** The keys of an app, changed by an admin, by time, and by nobody else: what is due is done when a test says so. */
export class KeyDrill {
  private admin: HttpClient;

  private constructor(
    private readonly app: TestApp,
    admin: HttpClient,
  ) {
    this.admin = admin;
  }

  static async on(app: TestApp): Promise<KeyDrill> {
    app.nest.get(KeyTender).onApplicationShutdown();
    return new KeyDrill(app, await app.admin());
  }

  /** The admin, who logs in anew where the key of their token was revoked. */
  async client(): Promise<HttpClient> {
    const { status } = await this.admin.get('/v1/auth/me');
    if (status !== 200) this.admin = await this.app.admin();
    return this.admin;
  }

  tend(): Promise<number | null> {
    return this.app.nest.get(KeyRotation).tend();
  }

  async rotate(algorithm?: string): Promise<ShownKey> {
    const body = algorithm === undefined ? {} : { algorithm };
    return (await (await this.client()).post<ShownKey>('/v1/keys/rotate', body)).body;
  }

  async revoke(kid: string, body?: object): Promise<Answer<ShownKey>> {
    return (await this.client()).post<ShownKey>(`/v1/keys/${kid}/revoke`, body);
  }

  async read(kid: string): Promise<ShownKey> {
    return (await (await this.client()).get<ShownKey>(`/v1/keys/${kid}`)).body;
  }

  async list(): Promise<ShownKey[]> {
    return (await (await this.client()).get<{ items: ShownKey[] }>('/v1/keys?limit=200')).body.items;
  }

  async kidsIn(state: string, algorithm = 'RS256'): Promise<string[]> {
    const keys = await this.list();
    return keys.filter((key) => key.state === state && key.algorithm === algorithm).map(({ kid }) => kid);
  }

  /** Of the one key that signs. */
  async activeKid(algorithm = 'RS256'): Promise<string> {
    const [kid, ...others] = await this.kidsIn('active', algorithm);
    if (kid === undefined || others.length > 0) throw new Error(`not one ${algorithm} key signs`);
    return kid;
  }

  /** Of the key that a login finds. */
  async signingKid(): Promise<string> {
    return String(headerOf((await signIn(this.app.http, ADMIN)).accessToken)['kid']);
  }

  async published(): Promise<string[]> {
    return (await this.app.http.get<{ keys: ShownKey[] }>('/jwks.json')).body.keys.map(({ kid }) => kid);
  }

  /** Lets seconds pass for one key, by moving what it has behind it. */
  async age(kid: string, seconds: number): Promise<void> {
    await this.app.database.query(
      `UPDATE signing_keys SET created_at = created_at - make_interval(secs => $2), activated_at = activated_at - make_interval(secs => $2),
         retire_at = retire_at - make_interval(secs => $2) WHERE kid = $1`,
      [kid, seconds],
    );
  }

  /** Those of these keys whose private halves are stored. */
  async privateHalves(kids: string[]): Promise<string[]> {
    const rows = await this.app.database.query<{ kid: string }>(
      'SELECT kid FROM signing_keys WHERE kid = ANY ($1) AND (private_key IS NOT NULL OR master_key_id IS NOT NULL)',
      [kids],
    );
    return rows.map(({ kid }) => kid);
  }

  /** What the audit trail says of a key. */
  async trailOf(kid: string): Promise<string[]> {
    const rows = await this.app.database.query<{ what: string }>(
      `SELECT action || ' by ' || actor_type AS what FROM audit_events WHERE target_id = $1 ORDER BY id`,
      [kid],
    );
    return rows.map(({ what }) => what);
  }
}
