import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../support/until.js';

/** A real nginx before one address, with its defaults (buffers, HTTP/1.0 to what is behind, 60 s) and compression. */
export class NginxFront {
  private constructor(
    private readonly child: ChildProcess,
    private readonly directory: string,
    readonly url: string,
  ) {}

  static async start(target: string): Promise<NginxFront> {
    const directory = mkdtempSync(join(tmpdir(), 'portcullis-nginx-'));
    // Started by root, nginx runs its workers as somebody else.
    chmodSync(directory, 0o755);
    const port = await freePort();
    writeFileSync(join(directory, 'nginx.conf'), configuration(port, target));
    const child = spawn('nginx', ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr'], {
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin`, HOME: directory },
      stdio: 'ignore',
    });
    const front = new NginxFront(child, directory, `http://127.0.0.1:${String(port)}`);
    await until('nginx answers', async () => {
      const answer = await fetch(`${front.url}/health/live`).catch(() => undefined);
      return answer?.ok === true;
    });
    return front;
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.kill();
    await exited;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const configuration = (port: number, target: string): string => `daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  scgi_temp_path scgi;
  uwsgi_temp_path uwsgi;
  gzip on;
  gzip_types application/json;
  server {
    listen 127.0.0.1:${String(port)};
    location / {
      proxy_pass ${target};
    }
  }
}
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
