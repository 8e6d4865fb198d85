import { connect } from './client.js';

// The secret comes from the environment: it stands in no file of the project and in no process list.
const { ISSUER, CLIENT_ID, CLIENT_SECRET, RESOURCE, API } = process.env;

try {
  const call = await connect({ issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, resource: RESOURCE });
  for (let n = 1; n <= 2; n++) {
    const response = await call(`${API}/orders`);
    console.log(`call ${n}: ${response.status} ${await response.text()}`);
  }
} catch (error) {
  console.log(`no token: ${error.error} (${error.error_description})`);
  process.exitCode = 1;
}
