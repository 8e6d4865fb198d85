import { HttpConnection, headerOf, requestText, type Reply, type RequestParts } from './http-connection.js';

/** Keep-alive connections to one service, as many as there are requests at once; all can be closed, which those of `fetch` cannot. */
export class Connections {
  private readonly idle: HttpConnection[] = [];

  constructor(readonly url: string) {}

  /** @throws ConnectionLost when the service does not answer */
  async ask(method: string, path: string, parts?: RequestParts): Promise<Reply> {
    let connection = this.idle.pop();
    if (!connection || connection.closed) connection = await HttpConnection.open(this.url);
    const reply = await connection.send(requestText(method, path, parts));
    if (headerOf(reply, 'connection') !== 'close') this.idle.push(connection);
    return reply;
  }

  close(): void {
    for (const connection of this.idle.splice(0)) connection.close();
  }
}
