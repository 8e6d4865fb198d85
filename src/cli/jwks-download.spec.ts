import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MAX_JWKS, downloadJwks } from './jwks-download.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serving(listener: RequestListener): Promise<string> {
  const started = createServer(listener).listen(0, '127.0.0.1');
  server = started;
  await new Promise((resolve) => started.once('listening', resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port.toString()}/jwks.json`;
}

describe('downloading a JWKS', () => {
  it('reads it', async () => {
    const address = await serving((_request, response) => response.end('{"keys":["é"]}'));
    expect(await downloadJwks(address, false)).toBe('{"keys":["é"]}');
  });

  it('follows no redirect', async () => {
    let asked = 0;
    const address = await serving((request, response) => {
      asked++;
      if (request.url === '/other') response.end('{}');
      else response.writeHead(302, { location: '/other' }).end();
    });
    await expect(downloadJwks(address, true)).rejects.toThrow('answered 302 and points to /other');
    expect(asked).toBe(1);
  });

  it('stops reading what is too long, though it never ends', async () => {
    let sent = 0;
    const address = await serving((_request, response) => {
      const chunk = 'x'.repeat(65_536);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
        sent += chunk.length;
      };
      response.on('drain', more);
      more();
    });
    await expect(downloadJwks(address, false)).rejects.toThrow('too long for a JWKS');
    expect(sent).toBeLessThan(20 * MAX_JWKS);
  });

  it('says what was answered', async () => {
    const address = await serving((_request, response) => response.writeHead(404).end());
    await expect(downloadJwks(address, false)).rejects.toThrow('answered 404.');
    await expect(downloadJwks('https://', false)).rejects.toThrow('is no address');
  });

  it.each([
    'http://auth.example.org/jwks.json',
    'http://127.0.0.1.example.org/',
    'http://10.0.0.7/',
    'http://localhost.evil.test/',
  ])('asks nobody in the clear: %s', async (address) => {
    await expect(downloadJwks(address, false)).rejects.toThrow('--allow-insecure');
  });
});
