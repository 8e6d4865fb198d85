import net from 'node:net';
import { type Endpoint } from './postmaster-file.js';
import { socketIn } from './socket-directory.js';

/** Whether something listens there. */
export function accepts({ host, port }: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = host.startsWith('/') ? net.connect(socketIn(host)) : net.connect(port, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
