/** A problem with an answer over HTTP; the message is for operators and names no secret. */
export class HttpError extends Error {
  override readonly name = 'HttpError';

  constructor(
    message: string,
    /** Undefined when there was no answer. */
    readonly status?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface JsonRequest {
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
  /** In ms. */
  timeoutMs?: number;
  /** Answers longer than this are refused; in bytes after decompression. */
  maxBytes?: number;
  /** Told of the beginning of an answer and of each part of it. */
  onPart?: () => void;
  /** By default the whole text is parsed at its end. */
  reader?: JsonReader;
}

/** Takes a text over part by part, and says at its end what it is. */
export interface JsonReader {
  push(text: string): void;
  /** @throws SyntaxError */
  end(): unknown;
}

class WholeText implements JsonReader {
  #text = '';

  push(text: string): void {
    this.#text += text;
  }

  end(): unknown {
    return JSON.parse(this.#text);
  }
}

/** Redirects are not followed: whoever answers for the issuer answers at its address. @throws HttpError */
export async function fetchJson(url: string, request: JsonRequest = {}): Promise<{ body: unknown; headers: Headers }> {
  const { method = 'GET', headers, body, signal, timeoutMs = 5_000 } = request;
  const timeout = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      // What a cache on the way kept is older than the question (RFC 9111 section 5.2.1).
      headers: { accept: 'application/json', 'cache-control': 'no-cache, no-store', ...headers },
      redirect: 'error',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      ...(body !== undefined && { body }),
    });
  } catch (cause) {
    throw new HttpError(`${method} ${url} got no answer`, undefined, { cause });
  }
  if (!response.ok) {
    await response.body?.cancel().catch(() => undefined);
    throw new HttpError(`${method} ${url} answered ${response.status.toString()}`, response.status);
  }
  try {
    return { body: await read(response, request), headers: response.headers };
  } catch (cause) {
    if (cause instanceof HttpError) throw cause;
    throw new HttpError(`${method} ${url} gave no JSON`, response.status, { cause });
  }
}

async function read(response: Response, request: JsonRequest): Promise<unknown> {
  const { maxBytes = 1024 * 1024, onPart = () => undefined, reader = new WholeText() } = request;
  onPart();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    onPart();
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new HttpError(`the answer of ${response.url} is too long`, response.status);
    reader.push(decoder.decode(chunk, { stream: true }));
  }
  reader.push(decoder.decode());
  return reader.end();
}
