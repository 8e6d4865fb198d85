import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';

type Members = Readonly<Record<string, unknown>>;

const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** What a browser made of `navigator.credentials.create`, as `toJSON` writes it; null when it is not that. */
export function readRegistration(value: unknown): RegistrationResponseJSON | null {
  return isResponse(value, ['clientDataJSON', 'attestationObject']) ? (value as RegistrationResponseJSON) : null;
}

/** What a browser made of `navigator.credentials.get`; null when it is not that. */
export function readAuthentication(value: unknown): AuthenticationResponseJSON | null {
  return isResponse(value, ['clientDataJSON', 'authenticatorData', 'signature'])
    ? (value as AuthenticationResponseJSON)
    : null;
}

/** The challenge that was signed, as text: that of a token, where it was made from one. Says nothing yet about who signed it. */
export function challengeOf({ response }: { response: { clientDataJSON: string } }): string {
  try {
    const text = Buffer.from(response.clientDataJSON, 'base64url').toString();
    const { challenge } = JSON.parse(text) as { challenge?: unknown };
    return typeof challenge === 'string' ? Buffer.from(challenge, 'base64url').toString() : '';
  } catch {
    return '';
  }
}

/** Whether the counter is that of the one authenticator there is (WebAuthn section 6.1.1): it goes up with each use, or is always 0. */
export function counterAdvances(stored: number, told: number): boolean {
  return told > stored || (told === 0 && stored === 0);
}

function isResponse(value: unknown, fields: readonly string[]): boolean {
  if (!isMembers(value) || value['type'] !== 'public-key' || value['id'] !== value['rawId']) return false;
  const { id, response, clientExtensionResults } = value;
  if (!isBase64Url(id) || id.length > 1400 || !isMembers(response) || !isMembers(clientExtensionResults)) return false;
  const { userHandle, transports } = response;
  return (
    fields.every((field) => isBase64Url(response[field])) &&
    (userHandle === undefined || userHandle === null || isBase64Url(userHandle)) &&
    (transports === undefined || (Array.isArray(transports) && transports.length <= 10 && transports.every(isWord)))
  );
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isBase64Url(value: unknown): value is string {
  return typeof value === 'string' && BASE64URL.test(value);
}

function isWord(value: unknown): boolean {
  return typeof value === 'string' && /^[a-z-]{1,20}$/.test(value);
}
