import { randomBytes } from 'node:crypto';
import type { HttpClient } from './http.js';

/** Someone who can log in. */
export interface Person {
  id: string;
  username: string;
  email: string;
  password: string;
}

/** A session of one person: its tokens, and a client that sends the access token. */
export interface SignedIn {
  accessToken: string;
  refreshToken: string;
  http: HttpClient;
}

/** A new user with a name, an address and a password that nobody else has. */
export async function createPerson(admin: HttpClient, roles: string[] = []): Promise<Person> {
  const username = `u${randomBytes(6).toString('hex')}`;
  const person = { username, email: `${username}@example.org`, password: `password of ${username}` };
  const { status, body } = await admin.post('/v1/users', { ...person, roles });
  if (status !== 201) throw new Error(`${username} cannot be created: ${status} ${JSON.stringify(body)}`);
  return { ...person, id: body['id'] as string };
}

export async function signIn(http: HttpClient, who: { username: string; password: string }): Promise<SignedIn> {
  const { status, body } = await http.post('/v1/auth/login', { username: who.username, password: who.password });
  if (status !== 200) throw new Error(`${who.username} cannot log in: ${status} ${JSON.stringify(body)}`);
  return signedIn(http, body);
}

/** @param body the answer to a login, a refresh or a password change */
export function signedIn(http: HttpClient, body: Record<string, unknown>): SignedIn {
  const accessToken = body['access_token'] as string;
  return { accessToken, refreshToken: body['refresh_token'] as string, http: http.as(accessToken) };
}

/** What the service says to a request with this client's token: `accepted`, or status and reason of the refusal. */
export async function verdict(http: HttpClient, path = '/v1/auth/me'): Promise<string> {
  const { status, body } = await http.get(path);
  return status === 200 ? 'accepted' : `${status} ${String(body['reason'] ?? body['code'])}`;
}

/** What the service says to a refresh: `refreshed`, or status and code of the refusal. */
export async function refreshVerdict(http: HttpClient, refreshToken: string): Promise<string> {
  const { status, body } = await http.post('/v1/auth/refresh', { refresh_token: refreshToken });
  return status === 200 ? 'refreshed' : `${status} ${String(body['code'])}`;
}
