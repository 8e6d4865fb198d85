import type { Variable } from './variable.js';
import { ACCOUNTS } from './variables/accounts.js';
import { FOUNDATION } from './variables/foundation.js';
import { LOGIN } from './variables/login.js';
import { SERVER } from './variables/server.js';
import { TOKENS } from './variables/tokens.js';

export { SIGNING_ALGORITHMS } from './variables/tokens.js';
export type { Variable } from './variable.js';

/** Every variable that Portcullis reads, in the README's order. `readEnv` and the README's configuration table both come from here. */
export const VARIABLES = { ...FOUNDATION, ...TOKENS, ...LOGIN, ...ACCOUNTS, ...SERVER } as const;

/** The README's configuration table in Markdown, one row per variable. */
export function configurationTable(): string {
  const rows = Object.values(VARIABLES).map((variable: Variable<unknown>) => {
    const fallback = variable.default === null ? variable.absent : `\`${variable.default}\``;
    return `| \`${variable.name}\` | ${fallback ?? ''} | ${variable.meaning} | ${variable.parser.expected} |`;
  });
  return ['| variable | default | meaning | accepted |', '|---|---|---|---|', ...rows].join('\n');
}
