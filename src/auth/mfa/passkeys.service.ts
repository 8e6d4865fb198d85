import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import type { DataSource, EntityManager } from 'typeorm';
import { parse as uuidBytes, v7 as uuidv7 } from 'uuid';
import { ENV, type Env } from '../../../config/env.js';
import { violatedUnique } from '../../common/database-errors.js';
import { conflict } from '../../common/problem.js';
import { sha256 } from '../../common/secrets.js';
import { ServerSecrets } from '../../common/server-secrets.js';
import { SECOND_FACTOR } from '../../tokens/second-factor-rule.js';
import { expiryOf, newLoginChallenge } from './login-challenge.js';
import { counterAdvances } from './passkey-response.js';
import { relyingParty, type RelyingParty } from './relying-party.js';
import { WebAuthn } from './webauthn.js';

/** Seconds. For a login of which the user is not known yet. */
const CHALLENGE_SECONDS = 5 * 60;

interface StoredPasskey {
  id: string;
  userId: string;
  credentialId: string;
  publicKey: Buffer;
  counter: string;
  synced: boolean;
  userVerified: boolean;
}

/** What became of a use: the methods it proves (RFC 8176), or why it is refused. */
export type PasskeyUse = { methods: string[] } | { refused: 'wrong' | 'copied' };

/** WebAuthn credentials: made, and used each time on another challenge. What is signed is checked by @simplewebauthn/server. */
@Injectable()
export class Passkeys {
  private readonly party: RelyingParty;
  private readonly challengeKey: Buffer;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly webAuthn: WebAuthn,
    @Inject(ENV) env: Env,
    secrets: ServerSecrets,
  ) {
    this.challengeKey = secrets.get('passkey-login-challenge');
    this.party = relyingParty(env.issuer, env.corsOrigins);
  }

  /** @param challenge text that the answer must have signed */
  async creationOptions(
    { id, username, displayName }: { id: string; username: string; displayName: string | null },
    challenge: string,
  ): Promise<PublicKeyCredentialCreationOptionsJSON> {
    const { generateRegistrationOptions } = await this.webAuthn.ceremonies();
    return generateRegistrationOptions({
      rpName: this.party.name,
      rpID: this.party.id,
      userName: username,
      userDisplayName: displayName ?? username,
      userID: Uint8Array.from(uuidBytes(id)),
      challenge,
      attestationType: 'none',
      excludeCredentials: await this.descriptorsOf(id),
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
    });
  }

  /** For a user who is known: any of their passkeys will do. */
  async factorOptions(userId: string, challenge: string): Promise<PublicKeyCredentialRequestOptionsJSON> {
    const { generateAuthenticationOptions } = await this.webAuthn.ceremonies();
    const allowCredentials = await this.descriptorsOf(userId);
    return generateAuthenticationOptions({
      rpID: this.party.id,
      challenge,
      allowCredentials,
      userVerification: 'preferred',
    });
  }

  /** For somebody whom their passkey will name. Nothing is stored: anybody may ask. */
  async loginOptions(): Promise<PublicKeyCredentialRequestOptionsJSON> {
    const { generateAuthenticationOptions } = await this.webAuthn.ceremonies();
    const [row] = await this.dataSource.query<{ now: number }[]>(
      'SELECT extract(epoch FROM clock_timestamp())::float8 AS now',
    );
    const challenge = newLoginChallenge(this.challengeKey, Math.ceil(row?.now ?? 0) + CHALLENGE_SECONDS);
    return generateAuthenticationOptions({ rpID: this.party.id, challenge, userVerification: 'required' });
  }

  /** Whether a challenge may be one of `loginOptions`. Says nothing yet about whether it has expired or was used. */
  knowsChallenge(challenge: string): boolean {
    return expiryOf(this.challengeKey, challenge) !== null;
  }

  /**
   * Uses a challenge of `loginOptions` up, together with whatever the transaction does. Of several with one challenge the others wait for the first. False when
   * it was used, has expired, or never was one.
   */
  async useChallenge(manager: EntityManager, challenge: string): Promise<boolean> {
    const recorded = await manager.query<unknown[]>(
      `INSERT INTO passkey_challenges (hash, expires_at)
       SELECT $1, to_timestamp($2::float8) WHERE to_timestamp($2::float8) > clock_timestamp()
       ON CONFLICT DO NOTHING RETURNING 1`,
      [sha256(`used:${challenge}`), expiryOf(this.challengeKey, challenge) ?? 0],
    );
    return recorded.length > 0;
  }

  /** Whose passkey this claims to be; null when it is nobody's. */
  async holderOf({ id }: AuthenticationResponseJSON): Promise<string | null> {
    const [row] = await this.dataSource.query<{ userId: string }[]>(
      'SELECT user_id AS "userId" FROM passkeys WHERE credential_id = $1',
      [id],
    );
    return row?.userId ?? null;
  }

  /**
   * Adds the passkey that a browser has made; null when what it sent is not right.
   *
   * @throws Problem 409 `passkey_taken`
   */
  async add(
    manager: EntityManager,
    {
      userId,
      name,
      response,
      challenge,
    }: { userId: string; name: string; response: RegistrationResponseJSON; challenge: string },
  ): Promise<{ id: string; methods: string[] } | null> {
    const { verifyRegistrationResponse, withoutAttestation } = await this.webAuthn.ceremonies();
    const attestationObject = withoutAttestation(response.response.attestationObject);
    if (attestationObject === null) return null;
    const made = await verifyRegistrationResponse({
      response: { ...response, response: { ...response.response, attestationObject } },
      ...this.expected(challenge),
      requireUserVerification: false,
    }).catch(() => null);
    if (!made?.verified) return null;
    const { credential, credentialDeviceType, userVerified } = made.registrationInfo;
    const id = uuidv7();
    const synced = credentialDeviceType === 'multiDevice';
    const { id: credentialId, publicKey, counter } = credential;
    const values = [
      id,
      userId,
      name,
      credentialId,
      Buffer.from(publicKey),
      counter,
      response.response.transports ?? [],
      synced,
      userVerified,
    ];
    const adding = manager.query(
      `INSERT INTO passkeys (id, user_id, name, credential_id, public_key, counter, transports, synced, user_verified)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      values,
    );
    await adding.catch((error: unknown) => {
      throw violatedUnique(error) === 'passkeys_credential_id'
        ? conflict('passkey_taken', 'This passkey is somebody’s already.')
        : error;
    });
    return { id, methods: methodsOf(synced) };
  }

  /**
   * Uses a passkey of the user. Of several who come with one counter one moves it on (WebAuthn section 7.2, step 22).
   *
   * @param verified whether the authenticator must have made sure of the user, by PIN or finger for example. It must then have done so before: when
   *   the passkey was made, or beside another proof (WebAuthn section 7.2, step 17, and `uvInitialized` of section 4)
   */
  async use(
    manager: EntityManager,
    {
      userId,
      response,
      challenge,
      verified,
    }: { userId: string; response: AuthenticationResponseJSON; challenge: string; verified: boolean },
  ): Promise<PasskeyUse> {
    // Before the row is locked.
    const { verifyAuthenticationResponse } = await this.webAuthn.ceremonies();
    const [stored] = await manager.query<StoredPasskey[]>(
      `SELECT id, user_id AS "userId", credential_id AS "credentialId", public_key AS "publicKey", counter, synced,
         user_verified AS "userVerified"
       FROM passkeys WHERE credential_id = $1 AND user_id = $2 FOR UPDATE`,
      [response.id, userId],
    );
    // A PIN that somebody sets on a key which had none proves nothing about its owner.
    if (!stored || !namesHolder(response, userId) || (verified && !stored.userVerified)) return { refused: 'wrong' };
    const credential = { id: stored.credentialId, publicKey: Uint8Array.from(stored.publicKey), counter: 0 };
    const signed = await verifyAuthenticationResponse({
      ...{ response, credential, requireUserVerification: verified },
      ...this.expected(challenge),
    }).catch(() => null);
    if (!signed?.verified) return { refused: 'wrong' };
    const { newCounter, userVerified } = signed.authenticationInfo;
    if (!counterAdvances(Number(stored.counter), newCounter)) return { refused: 'copied' };
    await manager.query(
      `UPDATE passkeys SET counter = $2, user_verified = user_verified OR $3, last_used_at = clock_timestamp() WHERE id = $1`,
      [stored.id, newCounter, userVerified],
    );
    return { methods: methodsOf(stored.synced) };
  }

  private expected(challenge: string): { expectedChallenge: string; expectedOrigin: string[]; expectedRPID: string } {
    return {
      expectedChallenge: Buffer.from(challenge).toString('base64url'),
      expectedOrigin: this.party.origins,
      expectedRPID: this.party.id,
    };
  }

  private descriptorsOf(userId: string): Promise<{ id: string; transports: string[] }[]> {
    return this.dataSource.query(
      'SELECT credential_id AS id, transports FROM passkeys WHERE user_id = $1 ORDER BY id',
      [userId],
    );
  }
}

/** Possession of a key, in hardware or in software that may copy it, and somebody's presence (RFC 8176). */
function methodsOf(synced: boolean): string[] {
  return [synced ? 'swk' : 'hwk', 'user', SECOND_FACTOR];
}

/** An authenticator that says whose the passkey is must be right about it. */
function namesHolder({ response: { userHandle } }: AuthenticationResponseJSON, userId: string): boolean {
  return !userHandle || Buffer.from(userHandle, 'base64url').equals(uuidBytes(userId));
}
