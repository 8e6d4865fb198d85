/** An answer as a test sees it: `body` is the parsed JSON, or the text where there is no JSON. */
export interface Answer<Body = unknown> {
  status: number;
  headers: Headers;
  body: Body;
}

export interface RequestOptions {
  headers?: Record<string, string>;
}

/** A small JSON client over `fetch`, which keeps connections alive. It never throws because of a status. */
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

  /** Any method and any bytes as body, with no header added but the token's. */
  async raw<Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: string,
    options: RequestOptions = {},
  ): Promise<Answer<Body>> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...(this.token !== null && { authorization: `Bearer ${this.token}` }), ...options.headers },
      redirect: 'manual',
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    const isJson = /^application\/(\w+\+)?json\b/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      body: (isJson && text !== '' ? JSON.parse(text) : text) as Body,
    };
  }

  private send<Body>(method: string, path: string, body?: object, options: RequestOptions = {}): Promise<Answer<Body>> {
    const headers = { ...(body !== undefined && { 'content-type': 'application/json' }), ...options.headers };
    return this.raw<Body>(method, path, body === undefined ? undefined : JSON.stringify(body), { headers });
  }
}
