import { startGateway } from './gateway.js';

// node start.js nginx|caddy PORTCULLIS SERVICE: runs a gateway before these two (host:port each) until its standard input ends, and prints where it is.
const [name, portcullis, service] = process.argv.slice(2);
const gateway = await startGateway(name, { portcullis, service });
console.log(gateway.url);
process.stdin.resume().once('end', async () => {
  await gateway.stop();
  process.stderr.write(gateway.said());
});
