import { fetchJson, HttpError } from './http-json.js';

export interface ClientCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** In ms: within it, whoever answers at all has answered. */
const TIMEOUT_MS = 2_000;

const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

interface HeldToken {
  readonly text: string;
  /** On the monotonic clock, in ms. */
  readonly renewAt: number;
}

/**
 * The access token by which this service asks the issuer, got by client credentials (RFC 6749 section 4.4) and renewed when four fifths of its life
 * are over.
 */
export class ClientToken {
  readonly #monotonic: () => number;
  #held: HeldToken | undefined;
  #getting: { readonly from: string; readonly token: Promise<string> } | undefined;

  constructor(
    private readonly credentials: ClientCredentials,
    private readonly scope: string,
    monotonic: () => number = () => performance.now(),
  ) {
    this.#monotonic = monotonic;
  }

  /** Whether `current` gives one that was got before. */
  get isHeld(): boolean {
    return this.#held !== undefined && this.#monotonic() < this.#held.renewAt;
  }

  /** @throws HttpError */
  current(tokenEndpoint: string): Promise<string> {
    if (this.#held !== undefined && this.isHeld) return Promise.resolve(this.#held.text);
    // Nobody waits for one address who asks by another.
    if (this.#getting?.from === tokenEndpoint) return this.#getting.token;
    const token = this.#get(tokenEndpoint).finally(() => {
      if (this.#getting === getting) this.#getting = undefined;
    });
    const getting = { from: tokenEndpoint, token };
    this.#getting = getting;
    return token;
  }

  /** It was refused: the next question gets another. */
  forget(text: string): void {
    if (this.#held?.text === text) this.#held = undefined;
  }

  async #get(tokenEndpoint: string): Promise<string> {
    const askedAt = this.#monotonic();
    const { body } = await fetchJson(tokenEndpoint, {
      method: 'POST',
      headers: { authorization: basicOf(this.credentials), 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: this.scope }).toString(),
      timeoutMs: TIMEOUT_MS,
    });
    const { access_token: text, expires_in: seconds } = (body ?? {}) as Record<string, unknown>;
    // What a header cannot hold (RFC 6750 section 2.1) would be named in the error that comes of trying.
    if (typeof text !== 'string' || !TOKEN.test(text) || typeof seconds !== 'number' || !(seconds > 0)) {
      throw new HttpError(`${tokenEndpoint} gave no token`);
    }
    this.#held = { text, renewAt: askedAt + seconds * 800 };
    return text;
  }
}

/** RFC 6749 section 2.3.1: both halves are form-encoded first. */
export function basicOf({ clientId, clientSecret }: ClientCredentials): string {
  return `Basic ${Buffer.from(`${encoded(clientId)}:${encoded(clientSecret)}`).toString('base64')}`;
}

function encoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
