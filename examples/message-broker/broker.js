import { allows, covers, isSubject } from '@portcullis/verifier';
import { createRemoteJWKSet, jwtVerify } from 'jose';

/** Stands for a message broker: connections in memory, and what Portcullis has to do with them. */
export class Broker {
  #connections = new Set();
  #issuer;
  #audience;
  #authorization;
  #keys;

  /**
   * @param {{ issuer: string, audience: string, clientId: string, clientSecret: string }} options
   *   the client has `tokens:introspect`
   */
  constructor({ issuer, audience, clientId, clientSecret }) {
    this.#issuer = issuer;
    this.#audience = audience;
    this.#authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
    this.#keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
  }

  /** Lets somebody in, without a question to anybody once the keys are known. @throws Error for a token that is not accepted */
  async connect(token) {
    const { payload } = await jwtVerify(token, this.#keys, {
      ...{ issuer: this.#issuer, audience: this.#audience },
      // Access tokens open no connection (RFC 8725 section 3.11).
      ...{ typ: 'broker+jwt', algorithms: ['RS256'] },
    });
    const connection = { token, permissions: payload.permissions, subscriptions: new Set(), inbox: [] };
    this.#connections.add(connection);
    return connection;
  }

  /** False when the token does not permit it. */
  subscribe(connection, subject) {
    if (!isSubject(subject) || !allows(connection.permissions, 'sub', subject)) return false;
    connection.subscriptions.add(subject);
    return true;
  }

  /** False when the token does not permit it. */
  publish(connection, subject, message) {
    if (subject.endsWith('/*') || !allows(connection.permissions, 'pub', subject)) return false;
    for (const { subscriptions, inbox } of this.#connections) {
      if ([...subscriptions].some((pattern) => covers(pattern, subject))) inbox.push(`${subject}: ${message}`);
    }
    return true;
  }

  /**
   * Connections outlive what could be known when they began. Now and then the broker asks about each, and closes those whose token was ended or
   * has expired.
   *
   * @returns how many it closed
   */
  async closeEnded() {
    const before = this.#connections.size;
    for (const connection of this.#connections) {
      if (!(await this.#isActive(connection.token))) this.#connections.delete(connection);
    }
    return before - this.#connections.size;
  }

  /** RFC 7662. */
  async #isActive(token) {
    const response = await fetch(`${this.#issuer}/oauth/introspect`, {
      method: 'POST',
      headers: { authorization: this.#authorization, 'content-type': 'application/x-www-form-urlencoded' },
      body: `token=${encodeURIComponent(token)}`,
    });
    if (!response.ok) throw new Error(`introspection answered ${response.status}`);
    return (await response.json()).active;
  }
}
