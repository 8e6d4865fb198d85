import { EMPTY_FORM, type Form } from '../../common/form.js';
import { OAuthError } from '../../common/oauth-error.js';

/** RFC 8707 section 2: there may be several of these. */
const REPEATABLE: ReadonlySet<string> = new Set(['resource']);

/**
 * The parameters of a request: those that its endpoint does not know are ignored, and no other is there twice (RFC 6749 section 3.2). They
 * are looked for in the body alone, since addresses end up in logs (section 2.3.1).
 */
export class Parameters {
  private constructor(private readonly form: Form) {}

  /**
   * @param body what the parser of forms left; nothing where the request has no body
   * @throws OAuthError `invalid_request`
   */
  static of(body: unknown): Parameters {
    const form = body instanceof Map ? (body as Form) : EMPTY_FORM;
    for (const [name, values] of form) {
      if (values.length > 1 && !REPEATABLE.has(name)) throw twice(name);
    }
    return new Parameters(form);
  }

  get(name: string): string | undefined {
    return this.form.get(name)?.[0];
  }

  all(name: string): readonly string[] {
    return this.form.get(name) ?? [];
  }

  /** @throws OAuthError `invalid_request` when it is missing */
  require(name: string): string {
    const value = this.get(name);
    if (value === undefined) throw new OAuthError('invalid_request', `The parameter ${name} is missing.`);
    return value;
  }
}

/** Names that are ours only: an answer is no place for what somebody else made up. */
function twice(name: string): OAuthError {
  const shown = /^[a-z_]{1,40}$/.test(name) ? `The parameter ${name}` : 'A parameter';
  return new OAuthError('invalid_request', `${shown} is there more than once.`);
}
