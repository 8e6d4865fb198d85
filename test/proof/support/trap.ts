import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** A listener that nobody has any business calling. */
export interface Trap {
  url: string;
  /** How often somebody connected. */
  readonly calls: number;
  close(): Promise<void>;
}

export async function setTrap(): Promise<Trap> {
  let calls = 0;
  const server = createServer((socket) => {
    calls++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    get calls() {
      return calls;
    },
    close: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
