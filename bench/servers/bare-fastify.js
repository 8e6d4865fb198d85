import Fastify from 'fastify';
import { answerParent } from '../measuring/answer-parent.js';
import { ANSWER } from './answer.js';

/** As little as Fastify can do for one request with one JSON answer. */
const server = Fastify();
server.get('/bench', () => ANSWER);

answerParent({
  async listen() {
    await server.listen({ port: 0, host: '127.0.0.1' });
    return { port: server.server.address().port };
  },
});
