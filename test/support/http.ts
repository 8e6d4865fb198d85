import { Agent, request, type IncomingMessage } from 'node:http';

/** An answer as a test sees it: `body` is the parsed JSON, or the text where there is no JSON. */
export interface Answer<Body = unknown> {
  status: number;
  headers: Headers;
  body: Body;
}

export interface RequestOptions {
  headers?: Record<string, string>;
}

/** What `fetch` says of itself. */
const AS_FETCH = { accept: '*/*', 'accept-language': '*', 'sec-fetch-mode': 'cors', 'user-agent': 'node' };

/** Milliseconds. */
const PATIENCE = 60_000;
/** Closes what has been idle for a while (ms), long before the service does: a request must not meet a connection that is just being closed. */
const agent = new Agent({ keepAlive: true, timeout: 2_000 });

/** A small JSON client, which keeps connections alive. It never throws because of a status. */
export class HttpClient {
  constructor(
    readonly url: string,
    private readonly token: string | null = null,
  ) {}

  /** The same service, asked with this access token. */
  as(token: string): HttpClient {
    return new HttpClient(this.url, token);
  }

  get<Body = Record<string, unknown>>(path: string, options?: RequestOptions): Promise<Answer<Body>> {
    return this.send('GET', path, undefined, options);
  }

  post<Body = Record<string, unknown>>(path: string, body?: object, options?: RequestOptions): Promise<Answer<Body>> {
    return this.send('POST', path, body, options);
  }

  put<Body = Record<string, unknown>>(path: string, body?: object, options?: RequestOptions): Promise<Answer<Body>> {
    return this.send('PUT', path, body, options);
  }

  patch<Body = Record<string, unknown>>(path: string, body?: object, options?: RequestOptions): Promise<Answer<Body>> {
    return this.send('PATCH', path, body, options);
  }

  delete<Body = Record<string, unknown>>(path: string, body?: object, options?: RequestOptions): Promise<Answer<Body>> {
    return this.send('DELETE', path, body, options);
  }

  /** Any method and any bytes as body, with no header added but the token's and those that `fetch` adds. */
  async raw<Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: string,
    options: RequestOptions = {},
  ): Promise<Answer<Body>> {
    const answer = await exchange(`${this.url}${path}`, method, body, {
      ...AS_FETCH,
      ...(body !== undefined && { 'content-type': 'text/plain;charset=UTF-8' }),
      ...(this.token !== null && { authorization: `Bearer ${this.token}` }),
      ...lowerCased(options.headers),
    });
    const { status, headers, text } = answer;
    const isJson = /^application\/(\w+\+)?json\b/.test(headers.get('content-type') ?? '');
    return { status, headers, body: (isJson && text !== '' ? JSON.parse(text) : text) as Body };
  }

  private send<Body>(method: string, path: string, body?: object, options: RequestOptions = {}): Promise<Answer<Body>> {
    const headers = { ...(body !== undefined && { 'content-type': 'application/json' }), ...options.headers };
    return this.raw<Body>(method, path, body === undefined ? undefined : JSON.stringify(body), { headers });
  }
}

/** By `node:http`: `fetch` takes more of a processor's time than many a request takes the service. */
function exchange(
  url: string,
  method: string,
  body: string | undefined,
  headers: Record<string, string>,
): Promise<{ status: number; headers: Headers; text: string }> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { agent, method, headers: { ...headers, ...length } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: answer.statusCode ?? 0, headers: headersOf(answer), text });
      });
    });
    sent.on('error', reject);
    sent.setTimeout(PATIENCE, () => sent.destroy(new Error(`${method} ${url}: no answer in ${PATIENCE} ms`)));
    sent.end(body);
  });
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let n = 0; n < rawHeaders.length; n += 2) headers.append(rawHeaders[n] ?? '', rawHeaders[n + 1] ?? '');
  return headers;
}

function lowerCased(headers: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
