import { randomUUID } from 'node:crypto';
import { abortable } from './abortable.js';
import { ClientToken, type ClientCredentials } from './client-token.js';
import type { CatchUp } from './events.js';
import { FeedAnswerReader } from './feed-answer.js';
import { fetchJson, HttpError } from './http-json.js';
import { discover } from './issuer-metadata.js';
import { NO_ANSWER } from './long-poll-follower.js';
import type { Heard } from './patience.js';

export interface FeedClientOptions {
  issuer: string;
  /** Where the issuer's instances are reached, in order of preference; the issuer itself by default. */
  urls: readonly string[];
  credentials: ClientCredentials;
  /** How this instance calls itself in the issuer's list of subscribers. */
  subscriber: string;
}

/** See `LongPollSource`. */
interface Question {
  readonly after: number;
  readonly waitSeconds: number;
  readonly signal: AbortSignal;
  readonly heard: (of?: Heard) => void;
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
  async ask(after: number, waitSeconds: number, signal: AbortSignal, heard: Question['heard']): Promise<CatchUp> {
    const { urls, issuer } = this.options;
    const asked = this.#preferred;
    const url = urls[asked % urls.length] ?? issuer;
    try {
      return await this.#askAt(url, { after, waitSeconds, signal, heard });
    } catch (error) {
      // Not when it was only asked anew, without waiting; and once only, however many questions to it fail.
      const failed = !signal.aborted || signal.reason === NO_ANSWER;
      if (failed && this.#preferred === asked) this.#preferred += 1;
      throw error;
    }
  }

  async #askAt(url: string, question: Question): Promise<CatchUp> {
    const { signal, heard } = question;
    const endpoint = await this.#tokenEndpointAt(url, signal);
    const wasHeld = this.#token.isHeld;
    const token = await abortable(this.#token.current(endpoint), signal);
    heard('question');
    try {
      return await this.#askWith(token, url, question);
    } catch (error) {
      if (!(error instanceof HttpError && error.status === 401)) throw error;
      this.#token.forget(token);
      // Ended, as when everybody's tokens are: another may do, unless this was got for the purpose.
      if (!wasHeld) throw error;
      return this.#askWith(await abortable(this.#token.current(endpoint), signal), url, question);
    }
  }

  async #askWith(token: string, url: string, { after, waitSeconds, signal, heard }: Question): Promise<CatchUp> {
    const nonce = randomUUID();
    const query = `after=${after.toString()}&wait=${waitSeconds.toString()}&nonce=${nonce}`;
    const { body } = await fetchJson(`${url}/v1/validity/events?${query}`, {
      headers: { authorization: `Bearer ${token}`, 'portcullis-subscriber': this.options.subscriber },
      signal,
      // The follower decides how long to wait, by the signal.
      timeoutMs: 600_000,
      maxBytes: MAX_WINDOW_BYTES,
      onPart: () => heard('answer'),
      reader: new FeedAnswerReader(),
    });
    // One that was given to another question would pass for knowledge of this moment.
    if ((body as { nonce?: unknown } | null)?.nonce !== nonce) {
      throw new HttpError(`${url} gave the answer to another question, as from a cache on the way`);
    }
    return body as CatchUp;
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
