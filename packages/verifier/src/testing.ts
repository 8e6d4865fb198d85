export { startIssuer, type FakeIssuer, type FakeIssuerOptions } from './testing/fake-issuer.js';
export type { Revocation } from './testing/revocation.js';
export type { MintOptions } from './testing/minting.js';
