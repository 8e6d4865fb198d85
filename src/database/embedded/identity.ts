import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { program, type Binaries } from './binaries.js';
import { serverEnvironment } from './environment.js';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** As whom Postgres, which refuses to run as root, is run. */
export interface Identity {
  /** The account to change to; absent: the one we have. */
  readonly account?: Account;
  /** What to put before the command: a user namespace in which we are somebody else. */
  readonly wrapper: readonly string[];
}

/** What the choice rests on. */
export interface IdentityFacts {
  readonly self: Account;
  /** Whether our own uid has a name; `initdb` insists. */
  readonly selfHasName: boolean;
  readonly nobody: Account | undefined;
  /** The owner of an existing cluster. */
  readonly clusterOwner: Account | undefined;
  /** The owner of the data directory, if that uid has a name. */
  readonly namedDataOwner: Account | undefined;
  /** Whether that account can run the binaries and enter the data directory. */
  reaches(account: Account): boolean;
  /** Whether user namespaces are allowed. */
  canMapTo(account: Account): boolean;
}

const ROOT = 0;

/**
 * As whom to run. Not root: as ourselves. Root: as the non-root owner of the data, else as nobody; where that account cannot reach the
 * binaries or the data (a project below a home directory closed to others), in a user namespace: root outside, nobody inside.
 *
 * @throws Error with a message for the operator when none of this is possible
 */
export function chooseIdentity(facts: IdentityFacts): Identity {
  if (facts.self.uid !== ROOT) {
    if (facts.clusterOwner !== undefined && facts.clusterOwner.uid !== facts.self.uid) {
      throw new Error(
        `The embedded database belongs to uid ${facts.clusterOwner.uid}, and this process runs as uid ` +
          `${facts.self.uid}. Start it as that user, or set DATABASE_URL.`,
      );
    }
    // An existing cluster needs no initdb, and so no name.
    if (facts.selfHasName || facts.clusterOwner !== undefined) return { wrapper: [] };
    return inNamespace(facts, `uid ${facts.self.uid} has no entry in the password file`);
  }
  // Files of root can only come from the namespace: there, root is the owner on the outside.
  if (facts.clusterOwner?.uid === ROOT) return inNamespace(facts, 'Postgres refuses to run as root');
  const account = facts.clusterOwner ?? facts.namedDataOwner ?? facts.nobody;
  if (account !== undefined && facts.reaches(account)) return { account, wrapper: [] };
  const who =
    account === undefined ? 'there is no account "nobody"' : `uid ${account.uid} cannot reach the binaries or the data`;
  if (facts.clusterOwner !== undefined) throw new Error(explain(who));
  return inNamespace(facts, `Postgres refuses to run as root, and ${who}`);
}

function inNamespace(facts: IdentityFacts, reason: string): Identity {
  if (facts.nobody === undefined || !facts.canMapTo(facts.nobody)) {
    throw new Error(explain(`${reason}, and user namespaces are not allowed`));
  }
  return { wrapper: unshare(facts.nobody) };
}

function explain(reason: string): string {
  return `Cannot run the embedded database: ${reason}. Start as an ordinary user, or set DATABASE_URL to use a Postgres server.`;
}

function unshare({ uid, gid }: Account): string[] {
  return ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'];
}

/** The identity for this process, these binaries and this data. Windows needs none: `pg_ctl` drops privileges by itself. */
export function findIdentity(binaries: Binaries, dataDir: string, cluster: string): Identity {
  const { getuid, getgid } = process;
  if (getuid === undefined || getgid === undefined) return { wrapper: [] };
  const dataOwner = ownerOf(dataDir);
  return chooseIdentity({
    self: { uid: getuid(), gid: getgid() },
    selfHasName: selfHasName(),
    nobody: accounts().find(({ name, uid }) => name === 'nobody' && uid !== ROOT),
    clusterOwner: ownerOf(cluster),
    namedDataOwner:
      dataOwner !== undefined && dataOwner.uid !== ROOT && accounts().some(({ uid }) => uid === dataOwner.uid)
        ? dataOwner
        : undefined,
    reaches: (account) =>
      succeeds(program(binaries, 'postgres'), ['--version'], account) &&
      succeeds('/bin/sh', ['-c', 'cd "$1"', 'sh', dataDir], account),
    canMapTo: (account) => {
      const [command = '', ...rest] = unshare(account);
      return succeeds(command, [...rest, program(binaries, 'postgres'), '--version']);
    },
  });
}

function succeeds(command: string, args: readonly string[], account?: Account): boolean {
  const options = { env: serverEnvironment(), cwd: '/' };
  return spawnSync(command, args, account === undefined ? options : { ...options, ...asAccount(account) }).status === 0;
}

/** The options of `spawn` that change to the account. */
export function asAccount(account: Account | undefined): { uid?: number; gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}

function ownerOf(file: string): Account | undefined {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? undefined : { uid: stat.uid, gid: stat.gid };
}

function selfHasName(): boolean {
  try {
    os.userInfo();
    return true;
  } catch {
    return false;
  }
}

function accounts(): (Account & { name: string })[] {
  const lines = fs.readFileSync('/etc/passwd', 'utf8').split('\n');
  return lines
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
}
