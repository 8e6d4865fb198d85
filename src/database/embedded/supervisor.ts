import { setTimeout as delay } from 'node:timers/promises';
import { type PostgresConnection } from '../connection.js';
import { obtainServer } from './obtain.js';
import { preparePlace, type Place } from './place.js';
import { type Endpoint } from './postmaster-file.js';
import { type Server } from './server.js';
import { ensureServiceDatabase, isAbsence, serviceConnection } from './service-database.js';

export interface EmbeddedOptions {
  /** The directory below which the database lives; created if missing. */
  readonly dataDir: string;
  /** Server settings, over the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly log?: (message: string) => void;
}

export interface EmbeddedPostgres {
  /** Stays valid across restarts of the server. */
  readonly connection: PostgresConnection;
  /** Whether this process runs the server now; otherwise another process on the same directory does. */
  readonly owner: boolean;
  /** Ends the server if this process runs it, and waits for that; otherwise just lets go. */
  stop(): Promise<void>;
}

/** A server that lived shorter than this, in milliseconds, did not work: the next start waits. */
const SHORT_LIFE_MS = 10_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Runs Postgres under this process, or joins the one that another process runs on the same directory. When the server ends without being
 * told to, or when its owner goes, it is started again; queries fail in between, as they do when any Postgres restarts.
 *
 * @throws Error with a message for the operator when it cannot be started
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? ((): void => undefined);
  const place = await preparePlace(options.dataDir, options.settings ?? {});
  let server = await obtainUsable(place, undefined);
  const { endpoint } = server;
  log(server.owned ? 'The embedded database is running.' : 'Joined the embedded database that another process runs.');

  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  const supervision = supervise();
  let stopped: Promise<void> | undefined;

  async function supervise(): Promise<void> {
    let shortLives = 0;
    for (;;) {
      const since = performance.now();
      await server.gone;
      if (isStopping()) return;
      log(
        server.owned
          ? 'The embedded database has ended; starting it again.'
          : 'The owner of the embedded database has gone; taking over.',
      );
      shortLives = server.owned && performance.now() - since < SHORT_LIFE_MS ? shortLives + 1 : 0;
      if (shortLives > 1) await pause(shortLives, stopping.signal);
      const next = await obtainAgain(place, endpoint, log, stopping.signal);
      if (next === undefined) return;
      server = next;
      if (isStopping()) {
        await server.stop();
        return;
      }
      log(
        server.owned
          ? 'The embedded database is running again.'
          : 'Joined the embedded database that another process has started.',
      );
    }
  }

  return {
    connection: serviceConnection(endpoint, place.tcp?.password),
    get owner() {
      return server.owned;
    },
    stop: () => {
      stopped ??= (async () => {
        stopping.abort();
        await server.stop();
        await supervision;
      })();
      return stopped;
    },
  };
}

/** A server with the service's database in it. */
async function obtainUsable(place: Place, known: Endpoint | undefined): Promise<Server> {
  for (;;) {
    const server = await obtainServer(place, known);
    try {
      await ensureServiceDatabase(server.endpoint, place.tcp?.password);
      return server;
    } catch (error) {
      // The process that owned it stopped it just now: the next round starts one.
      const left = !server.owned && isAbsence(error);
      await server.stop();
      if (!left) throw error;
    }
  }
}

/** Tries until it works or nobody wants it any more. */
async function obtainAgain(
  place: Place,
  endpoint: Endpoint,
  log: (message: string) => void,
  stopping: AbortSignal,
): Promise<Server | undefined> {
  for (let failures = 1; !stopping.aborted; failures += 1) {
    try {
      const server = await obtainUsable(place, endpoint);
      if (server.endpoint.host === endpoint.host && server.endpoint.port === endpoint.port) return server;
      await server.stop();
      log(
        `The embedded database now listens at ${server.endpoint.host}, which this process cannot follow: restart it.`,
      );
    } catch (error) {
      log(`The embedded database cannot be started: ${error instanceof Error ? error.message : String(error)}`);
    }
    await pause(failures, stopping);
  }
  return undefined;
}

/** Twice as long after each failure; ends early when there is nothing to wait for. */
async function pause(failures: number, stopping: AbortSignal): Promise<void> {
  const ms = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  await delay(ms, undefined, { signal: stopping, ref: false }).catch(() => undefined);
}
