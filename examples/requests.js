/**
 * Requests to one server, with JSON in and out.
 *
 * @param {string} url where it is
 * @param {string} [token] an access token to send along
 * @param {Record<string, string>} [headers] others to send along
 */
export function requests(url, token, headers = {}) {
  async function send(method, path, body) {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...headers,
        ...(body && { 'content-type': 'application/json' }),
        ...(token && { authorization: `Bearer ${token}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  }
  return {
    token,
    as: (other) => requests(url, other, headers),
    with: (more) => requests(url, token, { ...headers, ...more }),
    get: (path) => send('GET', path),
    post: (path, body = {}) => send('POST', path, body),
    delete: (path) => send('DELETE', path),
  };
}

/** The answer to something that must succeed for the example to go on. @throws Error */
export async function must(request) {
  const { status, body } = await request;
  if (status >= 400) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body;
}
