import { ClientToken, type ClientCredentials } from './client-token.js';
import type { CatchUp } from './events.js';
import { fetchJson, HttpError } from './http-json.js';
import { discover } from './issuer-metadata.js';
import { NO_ANSWER } from './long-poll-follower.js';

export interface FeedClientOptions {
  issuer: string;
  /** Where the issuer's instances are reached, in order of preference; the issuer itself by default. */
  urls: readonly string[];
  credentials: ClientCredentials;
  /** How this instance calls itself in the issuer's list of subscribers. */
  subscriber: string;
}

/** A window of a million events, as text. */
const MAX_WINDOW_BYTES = 512 * 1024 * 1024;

/** Asks the issuer's feed (`GET /v1/validity/events`), by whichever of its addresses answers. */
export class FeedClient {
  readonly #token: ClientToken;
  readonly #tokenEndpoints = new Map<string, string>();
  #preferred = 0;

  constructor(private readonly options: FeedClientOptions) {
    this.#token = new ClientToken(options.credentials, 'validity:read');
  }

  /** A question to the address that answered last; when it fails, the next question goes to the next address. @throws HttpError */
  async ask(after: number, waitSeconds: number, signal: AbortSignal): Promise<CatchUp> {
    const { urls, issuer } = this.options;
    const url = urls[this.#preferred % urls.length] ?? issuer;
    try {
      return await this.#askAt(url, after, waitSeconds, signal);
    } catch (error) {
      // Not when it was only asked anew, without waiting.
      if (!signal.aborted || signal.reason === NO_ANSWER) this.#preferred += 1;
      throw error;
    }
  }

  async #askAt(url: string, after: number, waitSeconds: number, signal: AbortSignal): Promise<CatchUp> {
    const token = await this.#token.current(await this.#tokenEndpointAt(url, signal));
    try {
      const { body } = await fetchJson(
        `${url}/v1/validity/events?after=${after.toString()}&wait=${waitSeconds.toString()}`,
        {
          headers: { authorization: `Bearer ${token}`, 'portcullis-subscriber': this.options.subscriber },
          signal,
          // The follower decides how long to wait, by the signal.
          timeoutMs: 600_000,
          maxBytes: MAX_WINDOW_BYTES,
        },
      );
      return body as CatchUp;
    } catch (error) {
      // Ended, as when the secret was rotated: a new token may do.
      if (error instanceof HttpError && error.status === 401) this.#token.forget(token);
      throw error;
    }
  }

  async #tokenEndpointAt(url: string, signal: AbortSignal): Promise<string> {
    const known = this.#tokenEndpoints.get(url);
    if (known !== undefined) return known;
    const { tokenEndpoint } = await discover(this.options.issuer, url, signal);
    if (tokenEndpoint === undefined) throw new HttpError(`${url} has no token endpoint`);
    this.#tokenEndpoints.set(url, tokenEndpoint);
    return tokenEndpoint;
  }
}
