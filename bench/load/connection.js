import { connect } from 'node:net';

/** Longer answers come in parts, which is dear but correct. */
const BUFFER_SIZE = 16_384;

/**
 * One HTTP/1.1 keep-alive connection for one request after the other. It does as little as it can with an answer, so that the server is busy
 * before the load generator is: answers that are as long as the first are taken to be complete, and of each only the status is read.
 */
export class Connection {
  #socket;
  #usualLength = -1;
  #pending = null;
  #received = null;

  static open(port) {
    return new Promise((resolve, reject) => {
      const connection = new Connection();
      const onread = { buffer: Buffer.allocUnsafe(BUFFER_SIZE), callback: connection.#read };
      connection.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
      connection.#socket.once('connect', () => resolve(connection));
      connection.#socket.on('error', (error) => (reject(error), connection.#pending?.(error)));
      connection.#socket.on('close', () => connection.#pending?.(new Error('the server closed a connection')));
    });
  }

  /** @param done is called with an error, or without when the answer has come and its status is 200 */
  send(request, done) {
    this.#pending = done;
    this.#socket.write(request);
  }

  close() {
    this.#socket.destroy();
  }

  #read = (length, buffer) => {
    if (length === this.#usualLength && this.#received === null) this.#answered(buffer.subarray(0, 12));
    else this.#gather(buffer.subarray(0, length));
    return true;
  };

  #gather(part) {
    const text = (this.#received ?? '') + part.toString('latin1');
    const length = answerLength(text);
    this.#received = text;
    if (length === undefined || text.length < length) return;
    this.#usualLength = length;
    this.#received = null;
    this.#answered(Buffer.from(text, 'latin1'));
  }

  #answered(answer) {
    const done = this.#pending;
    this.#pending = null;
    // "HTTP/1.1 200"
    const good = answer[9] === 50 && answer[10] === 48 && answer[11] === 48;
    done(good ? undefined : new Error(`a request was not answered with 200:\n${answer.toString('latin1')}`));
  }
}

/** Undefined as long as the headers are not complete. */
function answerLength(text) {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [, length] = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end)) ?? [];
  if (length === undefined) throw new Error('an answer has no Content-Length');
  return end + 4 + Number(length);
}
