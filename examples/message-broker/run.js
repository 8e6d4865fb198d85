import { logIn, startPortcullis } from '../portcullis.js';
import { must } from '../requests.js';
import { Broker } from './broker.js';

const AUDIENCE = 'urn:portcullis:broker';
const CHAT = { username: 'chat', password: 'correct horse battery staple' };

const { issuer, portcullis, admin, stop } = await startPortcullis();
try {
  // What an administrator sets up once: who may have tokens made, and as whom the broker asks about tokens.
  await must(admin.post('/v1/roles', { name: 'generator', permissions: ['tokens:generate'] }));
  await must(admin.post('/v1/users', { ...CHAT, email: 'chat@example.org', roles: ['generator'] }));
  const client = await must(admin.post('/v1/clients', { name: 'The broker', permissions: ['tokens:introspect'] }));
  const broker = new Broker({ issuer, audience: AUDIENCE, ...client });

  // The chat service has a token made for a visitor, whom Portcullis does not know.
  const order = {
    ...CHAT,
    ttlSeconds: 600,
    permissions: { sub: ['/rooms/*'], pub: ['/rooms/7/messages'], all: ['/rooms/7/typing'] },
  };
  const { response: token } = await must(portcullis.post('/token/generate', order));
  const visitor = await broker.connect(token);
  const other = await broker.connect((await must(portcullis.post('/token/generate', order))).response);
  say('the visitor', 'is connected');

  say('subscribes to /rooms/*', broker.subscribe(visitor, '/rooms/*'));
  say('subscribes to /rooms', broker.subscribe(visitor, '/rooms'));
  say('subscribes to /staff', broker.subscribe(visitor, '/staff'));
  say('publishes to /rooms/7/typing', broker.publish(visitor, '/rooms/7/typing', 'Ann'));
  say('publishes to /rooms/7/messages', broker.publish(visitor, '/rooms/7/messages', 'hello'));
  say('publishes to /rooms/8/messages', broker.publish(visitor, '/rooms/8/messages', 'hello'));
  say('has received', visitor.inbox.join(', '));

  // Tokens of one kind are none of another.
  const { token: accessToken } = await logIn(portcullis, CHAT);
  say('an access token, at the broker', await refusalOf(broker.connect(accessToken)));
  say('the token, at Portcullis', (await portcullis.as(token).get('/v1/auth/me')).body.reason);

  // What is asked for must make sense.
  await generate('a wrong password', { ...order, password: 'hunter2hunter2' });
  await generate('a subject that is none', { ...order, permissions: { sub: ['/rooms//7'] } });
  await generate('a lifetime of a year', { ...order, ttlSeconds: 31_536_000 });

  // It is taken back. The broker asks about its connections now and then, and so it learns of that.
  const { items: newestFirst } = await must(admin.get(`/v1/tokens?audience=${encodeURIComponent(AUDIENCE)}`));
  await must(admin.delete(`/v1/tokens/${newestFirst.at(-1).jti}`));
  const check = { token, action: 'pub', subject: '/rooms/7/messages' };
  say('may it still publish?', JSON.stringify(await must(admin.post('/v1/tokens/check', check))));
  say('connections that are closed', `${await broker.closeEnded()} of 2`);
  say('the other one publishes', broker.publish(other, '/rooms/7/messages', 'still here'));

  async function generate(what, asked) {
    const { status, body } = await portcullis.post('/token/generate', asked);
    say(what, `${status} ${body.response}`);
  }
} finally {
  await stop();
}

function say(who, what) {
  console.log(`${who.padEnd(32)}${what}`);
}

/** Why it fails. */
async function refusalOf(attempt) {
  try {
    await attempt;
    return 'let in';
  } catch (error) {
    return `refused: ${error.message}`;
  }
}
