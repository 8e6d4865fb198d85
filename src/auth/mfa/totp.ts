import { generateSecret, generateURI, verifySync } from 'otplib';

/** Seconds. That and SHA-1 are what every authenticator app understands (RFC 6238 section 5.2). */
const PERIOD = 30;
const SHAPE = /^\d{6}$/;

/** 160 random bits as base32 (RFC 4226 section 4). */
export function newTotpSecret(): string {
  return generateSecret();
}

/** What authenticator apps read from a QR code. @param issuer the service's public URL, of which they show the name */
export function totpUri(secret: string, username: string, issuer: string): string {
  return generateURI({ issuer: new URL(issuer).hostname, label: username, secret });
}

/**
 * The time step whose code this is, or null. One step either way is allowed for clocks that differ and for the time that typing takes (RFC 6238
 * section 6). That a step is used once is for the caller to see to.
 *
 * @param secret as base32
 * @param now seconds since 1970
 */
export function totpStepOf(secret: string, code: string, now: number): number | null {
  const digits = code.replace(/\s/g, '');
  if (!SHAPE.test(digits)) return null;
  const result = verifySync({ secret, token: digits, epoch: Math.floor(now), epochTolerance: PERIOD, period: PERIOD });
  return result.valid && 'timeStep' in result ? result.timeStep : null;
}
