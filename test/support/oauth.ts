import { randomBytes } from 'node:crypto';
import type { Answer, HttpClient } from './http.js';

/** A client that can prove itself by a secret. */
export interface RegisteredClient {
  clientId: string;
  clientSecret: string;
}

export interface ClientOptions {
  permissions?: string[];
  audiences?: string[];
  jwks?: object;
}

/** A new client that nobody else has. With keys it has no secret. */
export async function createClient(admin: HttpClient, options: ClientOptions = {}): Promise<RegisteredClient> {
  const { permissions = [], audiences = [], jwks } = options;
  const name = `client ${randomBytes(4).toString('hex')}`;
  const asked = { name, permissions, audiences, ...(jwks && { jwks }) };
  const { status, body } = await admin.post('/v1/clients', asked);
  if (status !== 201) throw new Error(`${name} cannot be created: ${status} ${JSON.stringify(body)}`);
  return { clientId: body['clientId'] as string, clientSecret: body['clientSecret'] as string };
}

/** A new audience that nobody else has; by default with the issuer's algorithm. */
export async function createAudience(admin: HttpClient, options: Record<string, unknown> = {}): Promise<string> {
  const identifier = `https://${randomBytes(4).toString('hex')}.example.org`;
  const { status, body } = await admin.post('/v1/audiences', { identifier, algorithm: 'RS256', ...options });
  if (status !== 201) throw new Error(`${identifier} cannot be created: ${status} ${JSON.stringify(body)}`);
  return identifier;
}

export function basic({ clientId, clientSecret }: RegisteredClient): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` };
}

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

export type FormFields = Record<string, string> | [string, string][];

/** Sends a form, as standard clients do. */
export function postForm(
  http: HttpClient,
  path: string,
  fields: FormFields,
  headers: Record<string, string> = {},
): Promise<Answer<Record<string, unknown>>> {
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  return http.raw('POST', path, new URLSearchParams(fields).toString(), { headers: { ...type, ...headers } });
}

/** The access token of a client. @throws Error when it gets none */
export async function clientToken(
  http: HttpClient,
  client: RegisteredClient,
  fields: Record<string, string> = {},
): Promise<string> {
  const form = { grant_type: 'client_credentials', ...fields };
  const { status, body } = await postForm(http, '/oauth/token', form, basic(client));
  if (status !== 200) throw new Error(`${client.clientId} got no token: ${status} ${JSON.stringify(body)}`);
  return body['access_token'] as string;
}

/** What introspection says of a token. */
export async function introspect(
  http: HttpClient,
  token: string,
  headers: Record<string, string>,
): Promise<Record<string, unknown>> {
  const { status, body } = await postForm(http, '/oauth/introspect', { token }, headers);
  if (status !== 200) throw new Error(`introspection: ${status} ${JSON.stringify(body)}`);
  return body;
}
