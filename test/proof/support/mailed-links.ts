import type { HttpClient } from '../../support/http.js';
import { tokenIn, type MailServer } from '../../support/mail-server.js';
import type { Person } from '../../support/people.js';

/** What operations that redeem a link are given: the token of one that has just been mailed. */
export class MailedLinks {
  private count = 0;

  constructor(
    private readonly admin: HttpClient,
    private readonly mailServer: MailServer,
  ) {}

  /** The fields of the operation's body that a link to someone fills in; none for an operation that redeems no link. */
  async fieldsOf(operationId: string, someone: () => Promise<Person>): Promise<Record<string, unknown>> {
    switch (operationId) {
      case 'passwordLinksReset': {
        const { email } = await someone();
        return this.linkTo(email, '/v1/auth/password/forgot', { email });
      }
      case 'passwordLinksAccept': {
        const invited = await this.withoutPassword();
        return this.linkTo(invited.email, `/v1/users/${invited.id}/invite`);
      }
      case 'addressesVerify': {
        const { email } = await someone();
        return this.linkTo(email, '/v1/auth/email/resend', { email });
      }
      case 'registrationsComplete': {
        const email = this.freshAddress();
        return this.linkTo(email, '/v1/auth/register', { email });
      }
      default:
        return {};
    }
  }

  async withoutPassword(): Promise<{ id: string; email: string }> {
    const email = this.freshAddress();
    const { status, body } = await this.admin.post('/v1/users', { username: email.replace(/@.*/, ''), email });
    if (status !== 201) throw new Error(`${email}: ${status} ${JSON.stringify(body)}`);
    return { id: String(body['id']), email };
  }

  private async linkTo(email: string, path: string, body?: object): Promise<{ token: string }> {
    const { status } = await this.admin.post(path, body);
    if (status !== 202) throw new Error(`${path}: ${status}`);
    return { token: tokenIn(await this.mailServer.mailTo(email)) };
  }

  private freshAddress(): string {
    return `mailed-${++this.count}@example.org`;
  }
}
