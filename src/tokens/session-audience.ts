import type { AudienceProblem } from './signing-choice.js';

/**
 * What of the audiences asked for lies beyond the session (RFC 8707 section 2.2). A session for the issuer stands for the whole account, and so may have
 * tokens for anyone; one that was begun for some services is worth no more than these to whoever gets hold of its refresh token.
 */
export function beyondSession(
  asked: readonly string[],
  sessionAudience: readonly string[],
  issuer: string,
): AudienceProblem[] {
  if (sessionAudience.includes(issuer)) return [];
  return asked.flatMap((audience) =>
    sessionAudience.includes(audience) ? [] : [{ audience, message: 'is not among the audiences of the session' }],
  );
}
