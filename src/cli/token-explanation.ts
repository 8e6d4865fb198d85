import { ExplainService, type Explained } from '../tokens/explain.service.js';
import { withApplication } from './application.js';

/** What the service says of a token. */
export function explainToken(token: string): Promise<Explained> {
  return withApplication((application) => application.get(ExplainService, { strict: false }).explain(token));
}
