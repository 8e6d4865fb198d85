import { generateSync } from 'otplib';
import type { HttpClient } from '../../support/http.js';
import { signIn, signedIn, type Person, type SignedIn } from '../../support/people.js';
import { SoftwarePasskey } from '../../support/software-passkey.js';

type Json = Record<string, unknown>;

/** What requests about second factors are to hold, so that they can succeed. */
export class FactorFixtures {
  constructor(
    private readonly http: HttpClient,
    private readonly issuer: string,
  ) {}

  /** Somebody with an authenticator app, in the session that its setup began. */
  async withApp(
    person: Person,
  ): Promise<{ session: SignedIn; factorId: string; secret: string; recoveryCode: string }> {
    const { http } = await signIn(this.http, person);
    const { setupToken, secret } = await this.app(http);
    const code = generateSync({ secret });
    const { body } = await http.post('/v1/auth/mfa/totp/confirm', { setupToken, code });
    const [recoveryCode = ''] = (body['recoveryCodes'] ?? []) as string[];
    return { session: signedIn(this.http, body), factorId: String(body['factorId']), secret, recoveryCode };
  }

  /** @param session of whoever sends the request @param someone makes a person @returns undefined for an operation that is not about factors */
  async fieldsOf(operationId: string, session: SignedIn, someone: () => Promise<Person>): Promise<Json | undefined> {
    switch (operationId) {
      case 'ownFactorsStartTotp':
      case 'ownFactorsStartPasskey':
        return { enrolmentToken: undefined };
      case 'ownFactorsConfirmTotp': {
        const { setupToken, secret } = await this.app(session.http);
        return { setupToken, code: generateSync({ secret }) };
      }
      case 'ownFactorsConfirmPasskey': {
        const { body } = await session.http.post('/v1/auth/mfa/passkey/start', {});
        return { credential: new SoftwarePasskey(this.issuer).create(body['options'] as Json) };
      }
      case 'secondStepTotp': {
        const subject = await someone();
        const { secret } = await this.withApp(subject);
        // The next one: that of the moment has confirmed the app.
        const code = generateSync({ secret, epoch: Math.floor(Date.now() / 1000) + 30 });
        return { mfa_token: await this.mfaToken(subject), code };
      }
      case 'secondStepRecovery': {
        const subject = await someone();
        const { recoveryCode } = await this.withApp(subject);
        return { mfa_token: await this.mfaToken(subject), code: recoveryCode };
      }
      case 'passkeyOptions': {
        const subject = await someone();
        await this.withPasskey(subject);
        return { mfa_token: await this.mfaToken(subject) };
      }
      case 'passkeyFactor': {
        const subject = await someone();
        const passkey = await this.withPasskey(subject);
        const token = await this.mfaToken(subject);
        const { body } = await this.http.post('/v1/auth/mfa/passkey/options', { mfa_token: token });
        return { mfa_token: token, credential: passkey.get(body['options'] as Json) };
      }
      case 'passkeyLogin': {
        const subject = await someone();
        const passkey = await this.withPasskey(subject);
        const { body } = await this.http.post('/v1/auth/passkey/options', {});
        return { credential: passkey.get(body['options'] as Json), audience: [this.issuer] };
      }
      default:
        return undefined;
    }
  }

  private async app(http: HttpClient): Promise<{ setupToken: string; secret: string }> {
    const { body } = await http.post('/v1/auth/mfa/totp/start', {});
    return { setupToken: String(body['setupToken']), secret: String(body['secret']) };
  }

  private async withPasskey(person: Person): Promise<SoftwarePasskey> {
    const { http } = await signIn(this.http, person);
    const passkey = new SoftwarePasskey(this.issuer);
    const { body } = await http.post('/v1/auth/mfa/passkey/start', {});
    const credential = passkey.create(body['options'] as Json);
    const { status } = await http.post('/v1/auth/mfa/passkey/confirm', { credential });
    if (status !== 200) throw new Error(`no passkey could be added: ${status}`);
    return passkey;
  }

  private async mfaToken({ username, password }: Person): Promise<string> {
    const { body } = await this.http.post('/v1/auth/login', { username, password });
    return String(body['mfa_token']);
  }
}
