import { createHash } from 'node:crypto';

/** RFC 7638 thumbprints of keys whose private halves everyone can read: examples of RFCs, and those of jwt.io. */
const PUBLISHED_KEYS = new Set([
  // RFC 6605, RFC 6979, RFC 8080, RFC 8410, RFC 8696, RFC 9216, RFC 9449, RFC 9500, RFC 9635
  'eD0PULZNVbjzVUEYhTXrPIGeIfttetyz2TinbRRrDh8',
  'c_0UpWcyUnvQC91D5ATbWIM9seRg94CqJ40pdgiNm-o',
  'DOvxvJiAdIqVWIkFt5hDtCunXLF0BV4-JGv4f-ALSm0',
  'l2tfkSzhekdOr24I18E1O_-49AlK14MTo7OxJMS7-HI',
  'YEV1EIv9vYLGY_GThCEOLkeymqP0eeXUU7MmlJhqgGA',
  'N_IRqpXbColOXawKcNKmvXX4Ty8KUGn8g1T7tKkQ0w4',
  'W0WNegPYjImHD-oRifTF8dwTUEDqSCNtqhZu8v9o30k',
  '3YZxBJ12jO3n_mXt_q-j_Z-TFP1vt-NiI3OCf-fEnHQ',
  'DelSDncZw4S1N8q-4NaDVOC82MYtGMGvvBFHFN8qG3M',
  'BXqw70fsE5fIP5tLHeTMQtlxaF3lEJOjRf2aLHx4Rao',
  '7kAUHrvMcGQb8LZmc8vkF6erQ3LmA1ULBaD_mFkOMCs',
  '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
  'LIstkoCvByn4jk8oZPvigQkzTzO9UwnGnE-VMlkZvYQ',
  'TLOWIUBG7ALE2U13WMeEAErmpD48gp8MllKbX_zBARE',
  'uG5zwmkbOsp4CWXAXpcCwS_BBebz0EP871Y1aRTdY9E',
  'Fa5JHFzFB8yHv0Dk3rGTgtCQPXPr3q8midyfylf8CUU',
  'u88se-xodYvJqpVtfxKIhE6bv2S6Z9hy1ikqIcPciAE',
  'NIYMyBjsDjyBC9P537D6ITzkpD8NtRji9yapEzC66mQ',
  // RFC 7515, RFC 7516, RFC 7517 (and 7638)
  'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U',
  'u5YUSjQ2-2chBi51NSk3t3g7IM4o2KYcnPqPtCNGd3U',
  'IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8',
  'xtIsOV1FqKH77AI_A3jdTg5QfdabzqI-LNpYTPi0IgI',
  '_K0fXS8wlsT7Tn3vvZrs9qdKUIqi5AxQ5EVk41xi_BM',
  'cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s',
  'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
  // RFC 7520, RFC 8037
  '9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI',
  'Rt-IyDEhXohvTl_ozKQ9YGflXGuDb3uu3QmqN2LoMwM',
  'h_jutvC-jg3Nwueq8LmdSybXykVsBwk4_5u5Y9JiS7E',
  '8izOqBCj1XBwWw0-iTcMv27pUKWwFvNmw-kutyfzf-g',
  'YlKlB7M2wnS0cPn_V7OW-FuDLuWdJ9z4OvPHmhGDfeE',
  'dHri3SADZkrush5HU_50AoRhcKFryN-PI6jPBtPL55M',
  'mn9TtdH1OfJlO91eUXaEGe9tTrDzowXs_n2wKGrqLN4',
  'rTtHPa7sf4UUCCKAww7j-XnhD2AKwOGNIsGDDipf_EM',
  'HsSFalww3yP-dO-lWGYgFcyV5H22oScIFc4V2Y6GOto',
  'mTVa39KNK8LI9ZgAkyqQOQayaqVO7DXurapqkzEbfMg',
  'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  // jwt.io: RS and PS, RS before 2018, ES256, ES384, ES512
  'oGDmHqCJ7yzMkWEkrlZVHkvrHIyQwtlDmeq5ForUHeY',
  'zFHVsM9dc4OlHIwvEnVqfKzRj1ujqYGsZnXAcgn_CqI',
  '19J8y7Zprt2-QKLjF2I5pVk0OELX6cY2AfaAv1LC_w8',
  'iTqXXI0zbAnJCKDaobfhkM1f-6rMSpTfyZMRp_2tKI8',
  'xZDfZpry4P9vZPZyG2fNBRj-7Lz5omVdm7tHoCgSNfY',
]);

/** HMAC secrets of RFC 7515 and RFC 7520, of jwt.io, and of documentation and tutorials that many have copied from; as text, base64 or hexadecimal. */
const PUBLISHED_SECRETS = [
  'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
  'hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg',
  'AAPapAv4LbFbiVawEjagUBluYqN5rhna-8nuldDvOx8',
  'qC57l_uxcm7Nm3K-ct4GFjx8tM1U8CZ0NLBvdQstiS8',
  'your-256-bit-secret',
  'your-384-bit-secret',
  'your-512-bit-secret',
  'a-string-secret-at-least-256-bits-long',
  'a-valid-string-secret-that-is-at-least-384-bits-long',
  'a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long',
  'super-secret-jwt-token-with-at-least-32-characters-long',
  'your-super-secret-jwt-token-with-at-least-32-characters-long',
  'reallyreallyreallyreallyverysafe',
  '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
  '3cfa76ef14937c1c0ea519f8fc057a80fcd04a7420f8e8bcd0a7567c272e007b',
  '3EK6FD+o0+c7tzBNVfjpMkNDi2yARAAKzQlk8O2IKoxQu4nF7EdAh8s3TwpHwrdWT6R',
  '404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970',
  '404E635266556A586E3272357538782F413F4428472B4B6250655368566D5971',
  '413F4428472B4B6250655368566D5970337336763979244226452948404D6351',
  '5367566B59703373367639792F423F4528482B4D6251655468576D5A71347437',
  'Yh2k7QSu4l8CZg5p6X3Pna9L0Miy4D3Bvt0JVr87UcOj69Kqw5R2Nmf4FWs03Hdx',
];

const PUBLISHED_SECRET_HASHES = new Set(
  PUBLISHED_SECRETS.flatMap((text) =>
    [Buffer.from(text), Buffer.from(text, 'base64'), Buffer.from(text, 'hex')].filter(({ length }) => length > 8),
  ).map(hashOf),
);

/** @param thumbprint RFC 7638 */
export function isPublishedKey(thumbprint: string): boolean {
  return PUBLISHED_KEYS.has(thumbprint);
}

export function isPublishedSecret(secret: string | Buffer): boolean {
  return PUBLISHED_SECRET_HASHES.has(hashOf(secret));
}

function hashOf(secret: string | Buffer): string {
  return createHash('sha256').update(secret).digest('base64');
}
