import type { SigningAlgorithm } from '../../config/env.js';
import { SYSTEM } from '../common/principal.js';
import { KeyExport } from '../keys/key-export.service.js';
import { KeyImport, type KeptKey, type KeyToImport } from '../keys/key-import.service.js';
import { RevokeKeyDto } from '../keys/keys.dto.js';
import { KeysService } from '../keys/keys.service.js';
import { MasterKeyRewrap, type RewrapReport } from '../keys/rewrap.service.js';
import { withApplication } from './application.js';
import { checked } from './checked.js';

/** Rows that are read at once. */
const PAGE = 200;

type Listed = Awaited<ReturnType<KeysService['list']>>['items'];
type Named = Awaited<ReturnType<KeysService['rotate']>>;
type PublicHalf = Awaited<ReturnType<KeyExport['publicHalf']>>;

/** All keys there ever were, newest first. */
export function listKeys(): Promise<Listed> {
  return withApplication(async (application) => {
    const service = application.get(KeysService, { strict: false });
    const all: Listed = [];
    let cursor: string | undefined;
    do {
      const page = await service.list({ limit: PAGE, ...(cursor !== undefined && { cursor }) });
      all.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return all;
  });
}

/** @param algorithm the configured one where it is undefined */
export function rotateKey(algorithm: SigningAlgorithm | undefined): Promise<Named> {
  return withApplication((application, env) =>
    application.get(KeysService, { strict: false }).rotate(algorithm ?? env.signingAlgorithm, SYSTEM),
  );
}

/** @throws Problem */
export async function revokeKey(kid: string, given: { reason?: string }): Promise<Named> {
  const { reason } = await checked(RevokeKeyDto, { reason: given.reason });
  return withApplication((application) => application.get(KeysService, { strict: false }).revoke(kid, SYSTEM, reason));
}

/** @throws KeyRefused, Problem */
export function importKeyText(text: string, key: KeyToImport): Promise<KeptKey> {
  return withApplication((application) => application.get(KeyImport, { strict: false }).import(text, key, SYSTEM));
}

/** The private half as an encrypted PEM. @throws KeyRefused, Problem */
export function exportPrivateHalf(kid: string, passphrase: string): Promise<string> {
  return withApplication((application) =>
    application.get(KeyExport, { strict: false }).privateHalf(kid, passphrase, SYSTEM),
  );
}

/** @throws Problem */
export function exportPublicHalf(kid: string): Promise<PublicHalf> {
  return withApplication((application) => application.get(KeyExport, { strict: false }).publicHalf(kid));
}

export function rewrapKeys(): Promise<RewrapReport> {
  return withApplication((application) => application.get(MasterKeyRewrap, { strict: false }).run(SYSTEM));
}
