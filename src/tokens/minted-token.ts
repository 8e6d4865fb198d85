import type { PressedToken } from './token-press.js';

/** A token as whoever asked for it gets it (RFC 6749 section 5.1). */
export interface MintedToken {
  accessToken: string;
  /** Seconds. */
  expiresIn: number;
  /** Names of permissions, separated by spaces. */
  scope: string;
  /** What may come in the way of using it. */
  warnings: string[];
}

/** Bytes. Some servers and proxies take 8 KiB for all headers of a request together, and cookies stand there too. */
export const COMFORTABLE_SIZE = 4096;

export function mintedFrom({ text, claims }: PressedToken): MintedToken {
  return {
    accessToken: text,
    expiresIn: claims.exp - claims.iat,
    scope: claims.scope ?? '',
    warnings: sizeWarnings(text),
  };
}

function sizeWarnings(token: string): string[] {
  if (token.length <= COMFORTABLE_SIZE) return [];
  return [
    `The token has ${token.length} bytes. Beyond ${COMFORTABLE_SIZE} some servers and proxies refuse the header that carries it: grant less, or declare fewer claims.`,
  ];
}

/** The field of an answer that tells the warnings; absent where there are none. */
export function warningsField(warnings: string[]): { warnings?: string[] } {
  return warnings.length === 0 ? {} : { warnings };
}
