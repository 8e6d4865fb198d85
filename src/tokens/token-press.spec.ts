import { describe, expect, it } from '@jest/globals';
import type { TokenClaims } from '@portcullis/verifier';
import type { Env } from '../../config/env.js';
import type { KeysService } from '../keys/keys.service.js';
import { SigningKeyGone } from '../keys/signing-key-gone.js';
import type { MintingFacts } from './minting-facts.js';
import { TokenPress, UnmintableAudience, type TokenOrder } from './token-press.js';

const ISSUER = 'https://auth.example';

/** Keys of which some are gone, and facts that name the one that is active. */
class Keys {
  active: string | null = 'first';
  readonly gone = new Set<string>();
  made = 0;
  read = 0;
  asOf = 1;

  sign(kid: string, bytes: Buffer): Promise<Buffer> {
    if (!this.gone.has(kid)) return Promise.resolve(Buffer.from(`${kid} signs ${bytes.length}`));
    this.active = 'second';
    return Promise.reject(new SigningKeyGone(kid));
  }

  ensureActive(): Promise<void> {
    this.made++;
    this.active = 'made';
    return Promise.resolve();
  }
}

function press(keys: Keys, order: Partial<TokenOrder<MintingFacts>> = {}) {
  const env = { issuer: ISSUER, signingAlgorithm: 'RS256' } as Env;
  return new TokenPress(env, keys as unknown as KeysService).press({
    readFacts: () => {
      keys.read++;
      return Promise.resolve({ asOf: keys.asOf++, now: 0, kid: keys.active, audience: [ISSUER] });
    },
    claimsOf: (facts) => ({ as_of: facts.asOf }) as unknown as TokenClaims,
    ...order,
  });
}

const headerOf = (text = ''): unknown => JSON.parse(Buffer.from(text.split('.')[0] ?? '', 'base64url').toString());

describe('a token', () => {
  it('is signed by the key that its facts name', async () => {
    const keys = new Keys();
    const pressed = await press(keys);
    expect(pressed).toMatchObject({ kid: 'first', claims: { as_of: 1 } });
    expect(headerOf(pressed?.text)).toEqual({ alg: 'RS256', kid: 'first', typ: 'at+jwt' });
    expect(keys.read).toBe(1);
  });

  it('comes from new facts when the key went in between', async () => {
    const keys = new Keys();
    keys.gone.add('first');
    expect(await press(keys)).toMatchObject({ kid: 'second', claims: { as_of: 2 } });
  });

  it('is tried a few times, and then told to come back later: that is no fault of the service', async () => {
    const keys = new Keys();
    keys.sign = () => Promise.reject(new SigningKeyGone('first'));
    await expect(press(keys)).rejects.toMatchObject({ code: 'unavailable' });
    expect(keys.read).toBe(5);
  });

  it('waits for a key to be made where there is none', async () => {
    const keys = new Keys();
    keys.active = null;
    expect(await press(keys)).toMatchObject({ kid: 'made', claims: { as_of: 2 } });
    expect(keys.made).toBe(1);
    const never = Object.assign(new Keys(), { active: null, ensureActive: () => Promise.resolve() });
    await expect(press(never)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('is none without facts, without claims, or for audiences that no key serves', async () => {
    expect(await press(new Keys(), { readFacts: () => Promise.resolve(null) })).toBeNull();
    expect(await press(new Keys(), { claimsOf: () => null })).toBeNull();
    const facts: MintingFacts = { asOf: 1, now: 0, kid: 'first', audience: ['urn:nobody'] };
    const unknown = press(new Keys(), { readFacts: () => Promise.resolve(facts) });
    await expect(unknown).rejects.toThrow(UnmintableAudience);
  });

  it('is of the type that was ordered', async () => {
    const pressed = await press(new Keys(), { type: 'broker+jwt' });
    expect(headerOf(pressed?.text)).toMatchObject({ typ: 'broker+jwt' });
  });
});
