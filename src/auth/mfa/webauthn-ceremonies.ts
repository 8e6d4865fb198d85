/** What `webauthn.ts` loads: nothing else imports this, or what it imports. */
export {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
export { withoutAttestation } from './attestation.js';
