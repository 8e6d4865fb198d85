import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { verifySignature } from '../algorithms.js';
import { readTokenClaims } from '../claims.js';
import { basicOf } from '../client-token.js';
import { VerificationError } from '../errors.js';
import { parseJws } from '../jws.js';
import { withoutStripped } from '../principal.js';
import { refusalOf, strippedBy } from '../refusal.js';
import { isSubscriberName } from '../subscriber-name.js';
import { VerifiedToken } from '../verified-token.js';
import type { VerifierOptions } from '../verifier-options.js';
import { FakeFeed } from './fake-feed.js';
import { FakeKeys } from './fake-keys.js';
import { contentsOf, type MintOptions } from './minting.js';
import { eventsOf, type Revocation } from './revocation.js';

export interface FakeIssuerOptions {
  /** What tokens are for, where `mint` is not told. */
  audience?: string;
  /** A free one by default. */
  port?: number;
}

/** How long (seconds) a follower's own token lives. */
const CLIENT_TOKEN_SECONDS = 300;

/**
 * A Portcullis in memory for tests of your own service: metadata, keys, tokens of clients, the validity feed and introspection over real HTTP on this
 * machine, with none of the rest. Made by `startIssuer`.
 */
export class FakeIssuer {
  readonly audience: string;
  readonly clientId = 'test-service';
  readonly clientSecret = randomBytes(32).toString('base64url');
  #aheadMs = 0;
  readonly #keys = new FakeKeys();
  readonly #feed = new FakeFeed(() => this.#nowMs());
  readonly #clientTokens = new Map<string, number>();
  readonly #server: Server = createServer((request, response) => {
    this.#respond(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  constructor({ audience = 'urn:test' }: Pick<FakeIssuerOptions, 'audience'>) {
    this.audience = audience;
  }

  /** The `iss` of its tokens, and where it is reached. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port.toString()}`;
  }

  /** The `kid` of the key that signs now. */
  get kid(): string {
    return this.#keys.kid;
  }

  /** What `createVerifier` and the adapters need to know of this issuer. */
  verifierOptions(): Required<Pick<VerifierOptions, 'issuer' | 'audience' | 'clientId' | 'clientSecret'>> {
    const { url: issuer, audience, clientId, clientSecret } = this;
    return { issuer, audience, clientId, clientSecret };
  }

  /** A token that is as good as one of the service, or is not, as `options` say. */
  mint(options: MintOptions = {}): string {
    const { url: issuer, audience } = this;
    const context = { issuer, audience, now: Math.floor(this.#nowMs() / 1000), seq: this.#feed.window.seq };
    const { typ, claims } = contentsOf(options, context);
    return this.#keys.sign(typ, claims);
  }

  /** Ends tokens minted so far. Resolves when all who follow know it; at once while the feed is cut. */
  async revoke(what: Revocation): Promise<void> {
    if ('key' in what) this.#keys.revoke(what.key);
    this.#feed.note(eventsOf(what));
    await this.#feed.caughtUp();
  }

  /**
   * Time goes on by so many seconds: tokens expire. Resolves when all who follow know it; who does not follow has a clock of his own. The age of
   * knowledge (`maxStaleness`) is not measured by this clock: cut the feed for that.
   */
  async advance(seconds: number): Promise<void> {
    this.#aheadMs += seconds * 1000;
    // A new number without events: by asking for what follows it, a follower shows that it has the answer that tells the time.
    this.#feed.note([]);
    await this.#feed.caughtUp();
  }

  /** Another key signs from now on; tokens of the one before stay good. */
  rotateKey(): void {
    this.#keys.rotate();
  }

  /** The tokens by which followers ask are good no more, as after a restart with another key: they get themselves new ones. */
  endClientTokens(): void {
    this.#clientTokens.clear();
  }

  /** Followers get no answer: their connections are closed, or hang. Everything else goes on. */
  cutFeed({ how = 'refuse' }: { how?: 'refuse' | 'hang' } = {}): void {
    this.#feed.cut(how);
  }

  /** Followers are answered again when they ask next. */
  restoreFeed(): void {
    this.#feed.restore();
  }

  async listen(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url: issuer } = this;
    const { pathname, searchParams } = new URL(request.url ?? '/', issuer);
    switch (`${request.method ?? ''} ${pathname}`) {
      case 'GET /.well-known/oauth-authorization-server':
        send(response, 200, {
          issuer,
          token_endpoint: `${issuer}/oauth/token`,
          introspection_endpoint: `${issuer}/oauth/introspect`,
          jwks_uri: `${issuer}/.well-known/jwks.json`,
        });
        return;
      case 'GET /.well-known/jwks.json':
        response.setHeader('cache-control', 'public, max-age=300');
        send(response, 200, this.#keys.jwks());
        return;
      case 'POST /oauth/token':
        this.#giveToken(request, response);
        return;
      case 'POST /oauth/introspect':
        await this.#introspect(request, response);
        return;
      case 'GET /v1/validity/events':
        this.#answerFollower(request, searchParams, response);
        return;
      default:
        send(response, 404, { code: 'not_found' });
    }
  }

  #giveToken(request: IncomingMessage, response: ServerResponse): void {
    if (!this.#isClient(request)) {
      send(response, 401, { error: 'invalid_client' });
      return;
    }
    const token = randomBytes(32).toString('base64url');
    this.#clientTokens.set(token, performance.now() + CLIENT_TOKEN_SECONDS * 1000);
    send(response, 200, { access_token: token, token_type: 'Bearer', expires_in: CLIENT_TOKEN_SECONDS });
  }

  #answerFollower(request: IncomingMessage, query: URLSearchParams, response: ServerResponse): void {
    const token = request.headers.authorization?.slice('Bearer '.length) ?? '';
    if ((this.#clientTokens.get(token) ?? 0) < performance.now()) {
      send(response, 401, { code: 'invalid_token' });
      return;
    }
    const subscriber = request.headers['portcullis-subscriber'] ?? '-';
    if (typeof subscriber !== 'string' || !isSubscriberName(subscriber)) {
      send(response, 400, { code: 'validation_failed' });
      return;
    }
    this.#feed.answer(
      {
        after: Number(query.get('after')),
        waitMs: Number(query.get('wait')) * 1000,
        nonce: query.get('nonce'),
        subscriber,
      },
      response,
    );
  }

  /** RFC 7662. */
  async #introspect(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const token = new URLSearchParams(Buffer.concat(chunks).toString()).get('token') ?? '';
    if (!this.#isClient(request)) send(response, 401, { error: 'invalid_client' });
    else send(response, 200, this.#about(token));
  }

  #about(token: string): object {
    const verified = this.#open(token);
    const { window } = this.#feed;
    if (!verified || refusalOf(verified, window, this.#nowMs() / 1000) !== null) return { active: false };
    const stripped = strippedBy(verified, window);
    const { roles, permissions, scope } = stripped ? withoutStripped(verified.principal, stripped) : verified.principal;
    return { ...verified.claims, active: true, roles, permissions: [...permissions], scope };
  }

  #open(token: string): VerifiedToken | undefined {
    try {
      const { header, payload, signingInput, signature } = parseJws(token);
      const key = this.#keys.find(header.kid ?? '');
      if (!key || !verifySignature(key.algorithm, key.key, signingInput, signature)) return undefined;
      const claims = readTokenClaims(payload);
      return claims && new VerifiedToken(claims, key.kid);
    } catch (error) {
      if (error instanceof VerificationError) return undefined;
      throw error;
    }
  }

  #isClient({ headers }: IncomingMessage): boolean {
    return headers.authorization === basicOf(this);
  }

  #nowMs(): number {
    return Date.now() + this.#aheadMs;
  }
}

/** A fake issuer that listens. `close` it at the end. */
export async function startIssuer(options: FakeIssuerOptions = {}): Promise<FakeIssuer> {
  return new FakeIssuer(options).listen(options.port);
}

function send(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(body));
}
