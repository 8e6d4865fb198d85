import { ClientAdministration, type CreatedClient } from '../clients/client-administration.js';
import { CreateClientDto } from '../clients/clients.dto.js';
import { SYSTEM } from '../common/principal.js';
import { withApplication } from './application.js';
import { checked } from './checked.js';

export interface NewClient {
  name: string;
  clientId: string | undefined;
  permissions: string[] | undefined;
  audiences: string[] | undefined;
  jwks: { keys: unknown[] } | undefined;
}

/** @throws Problem */
export function createClient(given: NewClient): Promise<CreatedClient> {
  return withApplication(async (application) => {
    const dto = await checked(CreateClientDto, { ...given });
    return application.get(ClientAdministration, { strict: false }).create(SYSTEM, dto);
  });
}
