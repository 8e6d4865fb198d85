import { KeyRefused } from './key-refused.js';

export interface PemBlock {
  label: string;
  der: Buffer;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([\s\S]*?)-----END ([A-Z0-9 ]{1,40})-----/g;

export function isPem(text: string): boolean {
  return text.includes('-----BEGIN ');
}

/**
 * The one key in a text, which may have explanations around it (RFC 7468 section 2). The curve that `openssl ecparam` writes before its keys is
 * passed over, since the key names it as well.
 *
 * @throws KeyRefused
 */
export function readPem(text: string): PemBlock {
  const blocks = [...text.matchAll(BLOCK)].map(([, label = '', body = '', end]) => ({ label, body, end }));
  const keys = blocks.filter(({ label }) => label !== 'EC PARAMETERS');
  const [key] = keys;
  if (!key || key.label !== key.end) throw new KeyRefused('malformed', 'The PEM text has no complete block.');
  if (keys.length > 1) throw new KeyRefused('malformed', 'The PEM text has more than one block; give one key alone.');
  if (/Proc-Type:|DEK-Info:/.test(key.body)) {
    throw new KeyRefused(
      'unsupported_encryption',
      'The private key is encrypted in the form that OpenSSL had before PKCS#8. "openssl pkcs8 -topk8 -v2 aes-256-cbc" converts it.',
    );
  }
  const body = key.body.replace(/\s/g, '');
  if (body === '' || body.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(body)) {
    throw new KeyRefused('malformed', 'What stands in the PEM block is not base64.');
  }
  return { label: key.label, der: Buffer.from(body, 'base64') };
}

/** RFC 7468 section 2: lines of 64 characters. */
export function writePem({ label, der }: PemBlock): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
