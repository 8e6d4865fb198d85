import { generateSync } from 'otplib';
import type { TestApp } from './app.js';
import type { Answer } from './http.js';
import { signIn, signedIn, type Person, type SignedIn } from './people.js';

/** Somebody with an authenticator app. */
export interface Enrolled extends Person {
  secret: string;
  factorId: string;
  recoveryCodes: string[];
  /** The session that the enrolment began. */
  session: SignedIn;
}

/** What the app shows. */
export const codeOf = (secret: string): string => generateSync({ secret });

/** Sets up an authenticator app in a session that has just begun. The code that it takes may be used again, so that tests need not wait. */
export async function enrol(app: TestApp, person: Person): Promise<Enrolled> {
  const { http } = await signIn(app.http, person);
  const { body: setup } = await http.post('/v1/auth/mfa/totp/start', {});
  const secret = String(setup['secret']);
  const code = codeOf(secret);
  const { status, body } = await http.post('/v1/auth/mfa/totp/confirm', { setupToken: setup['setupToken'], code });
  if (status !== 200) throw new Error(`${person.username} cannot enrol: ${status} ${JSON.stringify(body)}`);
  await forgetSteps(app, person);
  const recoveryCodes = body['recoveryCodes'] as string[];
  return { ...person, secret, factorId: String(body['factorId']), recoveryCodes, session: signedIn(app.http, body) };
}

/** Lets codes that were used be used again. */
export async function forgetSteps({ database }: TestApp, { id }: Person): Promise<void> {
  await database.query('UPDATE totp_factors SET last_step = 0 WHERE user_id = $1', [id]);
}

/** The token to complete a login with. */
export async function mfaToken({ http }: TestApp, { username, password }: Person, more: object = {}): Promise<string> {
  const { status, body } = await http.post('/v1/auth/login', { username, password, ...more });
  if (status !== 200 || body['mfa_required'] !== true) throw new Error(`${status} ${JSON.stringify(body)}`);
  return String(body['mfa_token']);
}

export function proveTotp({ http }: TestApp, token: string, code: string): Promise<Answer<Record<string, unknown>>> {
  return http.post('/v1/auth/mfa/totp', { mfa_token: token, code });
}

/** A whole login, with a code of the app. */
export async function signInWithTotp(app: TestApp, person: Enrolled): Promise<SignedIn> {
  await forgetSteps(app, person);
  const { status, body } = await proveTotp(app, await mfaToken(app, person), codeOf(person.secret));
  if (status !== 200) throw new Error(`${person.username} cannot log in: ${status} ${JSON.stringify(body)}`);
  return signedIn(app.http, body);
}
