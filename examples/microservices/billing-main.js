import { createBilling } from '../../dist/examples/microservices/billing.js';
import { settings } from './settings.js';

const app = await createBilling(settings().verifier);
await app.listen(0, '127.0.0.1');
console.log(`listening on ${app.getHttpServer().address().port}`);
