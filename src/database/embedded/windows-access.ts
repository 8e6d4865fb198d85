import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

/** How processes on Windows reach the embedded server. */
export interface TcpAccess {
  readonly port: number;
  readonly password: string;
  readonly passwordFile: string;
}

/** The port and the password of the embedded server, made at the first start and kept: every process of the service uses the same. */
export async function tcpAccess(dataDir: string): Promise<TcpAccess> {
  const passwordFile = keep(path.join(dataDir, 'postgres-password'), randomBytes(24).toString('base64url'));
  const portFile = keep(path.join(dataDir, 'postgres-port'), String(await freePort()));
  return {
    passwordFile,
    password: fs.readFileSync(passwordFile, 'utf8'),
    port: Number(fs.readFileSync(portFile, 'utf8')),
  };
}

/** Writes the file unless it is there. */
function keep(file: string, text: string): string {
  try {
    fs.writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return file;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('The system gave no port.'));
      });
    });
  });
}
