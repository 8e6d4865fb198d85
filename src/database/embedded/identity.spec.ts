import { describe, expect, it } from '@jest/globals';
import { chooseIdentity, type Account, type IdentityFacts } from './identity.js';

const root: Account = { uid: 0, gid: 0 };
const nobody: Account = { uid: 65_534, gid: 65_534 };
const person: Account = { uid: 1000, gid: 1000 };
const namespace = { wrapper: ['unshare', '--user', '--map-user=65534', '--map-group=65534', '--'] };

function choose(facts: Partial<IdentityFacts>): ReturnType<typeof chooseIdentity> {
  return chooseIdentity({
    self: root,
    selfHasName: true,
    nobody,
    clusterOwner: undefined,
    namedDataOwner: undefined,
    reaches: () => true,
    canMapTo: () => true,
    ...facts,
  });
}

describe('an ordinary user', () => {
  it('runs Postgres as itself', () => {
    expect(choose({ self: person })).toEqual({ wrapper: [] });
    expect(choose({ self: person, clusterOwner: person })).toEqual({ wrapper: [] });
  });

  it('without a name creates the cluster in a user namespace, and needs none once it is there', () => {
    expect(choose({ self: person, selfHasName: false })).toEqual(namespace);
    expect(choose({ self: person, selfHasName: false, clusterOwner: person })).toEqual({ wrapper: [] });
    expect(() => choose({ self: person, selfHasName: false, canMapTo: () => false })).toThrow(/DATABASE_URL/);
  });

  it("cannot run another's cluster", () => {
    expect(() => choose({ self: person, clusterOwner: nobody })).toThrow(/belongs to uid 65534.*DATABASE_URL/);
    expect(() => choose({ self: person, clusterOwner: root })).toThrow(/belongs to uid 0/);
  });
});

describe('root', () => {
  it('runs Postgres as nobody, or as the owner of the data', () => {
    expect(choose({})).toEqual({ account: nobody, wrapper: [] });
    expect(choose({ namedDataOwner: person })).toEqual({ account: person, wrapper: [] });
    expect(choose({ namedDataOwner: person, clusterOwner: nobody })).toEqual({ account: nobody, wrapper: [] });
  });

  it('uses a user namespace where that account cannot reach the files', () => {
    expect(choose({ reaches: () => false })).toEqual(namespace);
  });

  it('goes on with a cluster that was made in a user namespace', () => {
    expect(choose({ clusterOwner: root })).toEqual(namespace);
  });

  it('says what to do when there is no way', () => {
    expect(() => choose({ reaches: () => false, canMapTo: () => false })).toThrow(/cannot reach.*DATABASE_URL/);
    expect(() => choose({ nobody: undefined })).toThrow(/no account "nobody".*DATABASE_URL/);
    expect(() => choose({ clusterOwner: person, reaches: () => false })).toThrow(/uid 1000 cannot reach.*DATABASE_URL/);
    expect(() => choose({ clusterOwner: root, canMapTo: () => false })).toThrow(/user namespaces are not allowed/);
  });
});
