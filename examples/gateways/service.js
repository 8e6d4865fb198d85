import { createServer } from 'node:http';

/**
 * A service that knows nothing of tokens: who calls it hears from the gateway, and nothing else can reach it. It answers with what it heard.
 */
export function createService() {
  return createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://service');
    const [, resource] = pathname.split('/');
    const heard = Object.entries(request.headers).filter(([name]) => /^x.auth/i.test(name));
    const answer = {
      resource: resource || 'welcome',
      query: request.url.split('?')[1] ?? '',
      heard: Object.fromEntries(heard),
    };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    request.resume();
  });
}
