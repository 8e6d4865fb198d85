import type { Scope } from '../auth/expiration-scopes.js';
import { ForceExpirationDto } from '../auth/forced-expirations.dto.js';
import { ForcedExpirationsService } from '../auth/forced-expirations.service.js';
import { SYSTEM } from '../common/principal.js';
import { withApplication } from './application.js';
import { checked } from './checked.js';

export interface GivenExpiration {
  scope: Scope;
  key?: string;
  reason: string;
  dryRun?: boolean;
  endSessions: boolean;
}

/** How much it ended, or would end. @throws Problem */
export async function forceExpiration(given: GivenExpiration): Promise<{ sessions: number; tokens: number | null }> {
  const { sessions, tokens } = await withApplication(async (application) => {
    const dto = await checked(ForceExpirationDto, { ...given });
    return application.get(ForcedExpirationsService, { strict: false }).force(dto, SYSTEM);
  });
  return { sessions, tokens };
}
