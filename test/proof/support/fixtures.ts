import type { HttpClient } from '../../support/http.js';
import { createPerson, signIn, verdict, type Person, type SignedIn } from '../../support/people.js';
import { FactorFixtures } from './factor-fixtures.js';
import type { MailedLinks } from './mailed-links.js';
import type { Api, Operation } from './openapi.js';

export interface Fixture {
  /** An admin, who sends the requests that carry a token. */
  sender: SignedIn;
  params: Record<string, string>;
  /** Null: the operation takes no body. */
  json: Record<string, unknown> | null;
}

/** An admin, and the authenticator app that the admin may have. */
interface Sender {
  person: Person;
  session: SignedIn;
  factorId?: string;
}

/** Things for requests to be about, so that every operation can succeed before something is made wrong about it. */
export class Fixtures {
  private count = 0;
  private sender: Sender | undefined;
  private readonly factors: FactorFixtures;

  constructor(
    private readonly api: Api,
    /** Is never the sender of a request, and so outlives them all. */
    private readonly admin: HttpClient,
    private readonly issuer: string,
    private readonly links: MailedLinks,
  ) {
    this.factors = new FactorFixtures(admin, issuer);
  }

  /** Everything new that a request may change or use up: someone to be changed, a role, a permission. The sender too, where requests are about that one. */
  async for(operation: Operation): Promise<Fixture> {
    const sender = await this.senderOf(operation);
    const schema = this.api.bodyOf(operation);
    const examples: Record<string, unknown> = {};
    for (const [name, { example }] of Object.entries(schema?.properties ?? {})) examples[name] = example;
    const fields = schema ? await this.fieldsOf(operation, sender) : {};
    const params = operation.path.includes('{') ? await this.paramsOf(operation, sender.person) : {};
    return {
      sender: sender.session,
      params: sender.factorId !== undefined && 'id' in params ? { id: sender.factorId } : params,
      json: schema && definedOnly({ ...examples, ...fields }),
    };
  }

  /** Whether its sender's token is refused by now. */
  async isOver({ sender }: Fixture): Promise<boolean> {
    return (await verdict(sender.http)) !== 'accepted';
  }

  /** One for all requests that are about others, for as long as its token is accepted. */
  private async senderOf(operation: Operation): Promise<Sender> {
    const isOfSender = operation.path.startsWith('/v1/auth/') && operation.security.some((one) => 'bearer' in one);
    if (isOfSender) return this.newSender(operation);
    if (!this.sender || (await verdict(this.sender.session.http)) !== 'accepted')
      this.sender = await this.newSender(operation);
    return this.sender;
  }

  private async newSender({ operationId }: Operation): Promise<Sender> {
    const person = await createPerson(this.admin, ['admin']);
    return WITH_A_FACTOR.has(operationId)
      ? { person, ...(await this.factors.withApp(person)) }
      : { person, session: await signIn(this.admin, person) };
  }

  private async paramsOf({ path }: Operation, sender: Person): Promise<Record<string, string>> {
    const name = this.freshName();
    if (path.startsWith('/v1/roles/')) {
      await this.created('/v1/roles', { name, permissions: ['users:read'] });
      return { name };
    }
    if (path.startsWith('/v1/permissions/')) {
      await this.created('/v1/permissions', { name: `${name}:read` });
      return { name: `${name}:read` };
    }
    if (path.startsWith('/v1/keys/')) {
      // Of an algorithm that nobody's token is signed with.
      return { kid: (await this.created('/v1/keys/rotate', { algorithm: 'EdDSA' }))['kid'] as string };
    }
    if (path.startsWith('/v1/audiences/')) {
      const algorithm = path.endsWith('/secret') ? 'HS256' : 'RS256';
      await this.created('/v1/audiences', { identifier: name, algorithm });
      return { identifier: name };
    }
    if (path.startsWith('/v1/clients/')) {
      const { clientId, secretId } = await this.created('/v1/clients', { name, permissions: ['users:read'] });
      return { clientId: clientId as string, secretId: secretId as string };
    }
    if (path.startsWith('/v1/tokens/')) {
      const asked = { audience: this.issuer, ttlSeconds: 600, permissions: ['users:read'] };
      return { jti: (await this.created('/v1/tokens', asked))['jti'] as string };
    }
    if (path.endsWith('/sessions/{sessionId}')) {
      const subject = await createPerson(this.admin);
      const { http } = await signIn(this.admin, subject);
      return { id: subject.id, sessionId: (await http.get('/v1/auth/me')).body['sessionId'] as string };
    }
    if (path.startsWith('/v1/auth/sessions/')) {
      const { http } = await signIn(this.admin, sender);
      return { id: (await http.get('/v1/auth/me')).body['sessionId'] as string };
    }
    if (path.endsWith('/invite')) return { id: (await this.links.withoutPassword()).id };
    return { id: (await createPerson(this.admin)).id };
  }

  /** What the examples in the document cannot know. `undefined` leaves a field out. */
  private async fieldsOf({ operationId }: Operation, sender: Sender): Promise<Record<string, unknown>> {
    const name = this.freshName();
    const { password } = sender.person;
    const someone = () => createPerson(this.admin);
    switch (operationId) {
      case 'usersCreate':
      case 'usersUpdate':
        return { username: name, email: `${name}@example.org` };
      case 'rolesCreate':
        return { name };
      case 'permissionsCreate':
        return { name: `${name}:read` };
      case 'audiencesCreate':
        return { identifier: name };
      case 'clientsCreate':
        return { clientId: name };
      case 'authLogin':
        return { ...loginOf(await someone()), email: undefined, audience: [this.issuer] };
      case 'authRefresh':
      case 'authLogout':
        return { refresh_token: (await signIn(this.admin, await someone())).refreshToken };
      case 'authChangePassword':
        return { currentPassword: password, changeToken: undefined };
      case 'oAuthToken':
        return {
          ...NO_PROOF,
          grant_type: 'client_credentials',
          ...(await this.client()),
          scope: 'users:read',
          resource: [this.issuer],
        };
      case 'oAuthIntrospect':
      case 'oAuthRevoke':
        return { ...NO_PROOF, token: (await signIn(this.admin, await someone())).accessToken };
      case 'generatedTokensGenerate':
        return { audience: this.issuer, subject: (await someone()).id, notBefore: undefined };
      case 'brokerTokensGenerate':
        return loginOf(sender.person);
      case 'forcedExpirationsForce':
        return { key: (await someone()).id };
      case 'addressesChange':
        return { newEmail: `${name}@example.org`, currentPassword: password };
      default:
        return (
          (await this.factors.fieldsOf(operationId, sender.session, someone)) ??
          (await this.links.fieldsOf(operationId, someone))
        );
    }
  }

  private async client(): Promise<Record<string, unknown>> {
    const asked = { name: this.freshName(), permissions: ['users:read'] };
    const { clientId, clientSecret } = await this.created('/v1/clients', asked);
    return { client_id: clientId, client_secret: clientSecret };
  }

  private async created(path: string, body: object): Promise<Record<string, unknown>> {
    const answer = await this.admin.post(path, body);
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  private freshName(): string {
    return `proof-${++this.count}`;
  }
}

/** For these the sender has an authenticator app. */
const WITH_A_FACTOR = new Set(['ownFactorsRemove', 'ownFactorsRenewRecoveryCodes']);

/** Of a client that proves itself in several ways at once nothing is believed. */
const NO_PROOF = {
  client_id: undefined,
  client_secret: undefined,
  client_assertion: undefined,
  client_assertion_type: undefined,
  refresh_token: undefined,
};

const loginOf = ({ username, password }: Person): Record<string, unknown> => ({ username, password });

function definedOnly(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
