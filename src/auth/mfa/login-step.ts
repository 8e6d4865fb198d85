import { SECOND_FACTOR, lacksSecondFactor } from '../../tokens/second-factor-rule.js';
import { isClosed } from './guess-ceiling.js';

/** The ways to prove a second factor. */
export type FactorMethod = 'totp' | 'passkey' | 'recovery';

/** What an account asks of whoever logs in to it. */
export interface Standing {
  mustChangePassword: boolean;
  roles: readonly string[];
  /** Numbers of what the user has. */
  totp: number;
  passkeys: number;
  recoveryCodes: number;
  /** Guesses at codes of the apps since the user last proved a second factor. */
  totpGuesses: number;
}

/**
 * What somebody gets for what they have proven: first the question for the factor that they have; then leave to change a password that must be
 * changed; then leave to set up a factor that they must have; a session last.
 */
export type LoginStep = 'prove_factor' | 'change_password' | 'enrol' | 'session';

/** @param amr the methods proven so far (RFC 8176) */
export function nextStep(standing: Standing, amr: readonly string[], requiredRoles: readonly string[]): LoginStep {
  const enrolled = isEnrolled(standing);
  const lacks = lacksSecondFactor({ roles: standing.roles, enrolled, amr }, requiredRoles);
  if (enrolled && lacks) return 'prove_factor';
  if (standing.mustChangePassword) return 'change_password';
  return lacks ? 'enrol' : 'session';
}

/** Recovery codes replace a factor; alone they are none. */
export function isEnrolled({ totp, passkeys }: Standing): boolean {
  return totp + passkeys > 0;
}

/** Those that a login can be completed by: after too many guesses no code of an app is heard. */
export function methodsOf({ totp, passkeys, recoveryCodes, totpGuesses }: Standing): FactorMethod[] {
  const there: [FactorMethod, number][] = [
    ['totp', isClosed(totpGuesses) ? 0 : totp],
    ['passkey', passkeys],
    ['recovery', recoveryCodes],
  ];
  return there.flatMap(([method, count]) => (count > 0 ? [method] : []));
}

/** What a code proves after a password, of an app or a recovery code (RFC 8176). */
export const ONE_TIME_PASSWORD: readonly string[] = ['otp', SECOND_FACTOR];

/** Whether the last factor of somebody who must have one would go. */
export function mustKeepLastFactor(standing: Standing, requiredRoles: readonly string[]): boolean {
  return standing.totp + standing.passkeys <= 1 && standing.roles.some((role) => requiredRoles.includes(role));
}
