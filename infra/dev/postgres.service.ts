import { dirname, join } from 'node:path';
import { serviceEnvironment } from '../config/environment.js';
import { Secret } from '../config/secret.js';
import { pingPostgres } from '../postgres/ping.js';
import { type Child, startChild } from './child-process.js';
import { freePort } from './free-port.js';
import { homeFolder, keptSecret } from './home.js';
import { asPostgresUser, ensureCluster, findPostgresPrograms, removeStalePidFile } from './postgres-cluster.js';
import { postgresUser } from './postgres-user.js';
import { endRecorded } from './process-record.js';
import { external, type RunningService, type ServiceContext } from './service.js';
import { waitUntil } from './wait-until.js';

export interface PostgresInfo {
  /** Connection string of the role that owns the schema. */
  readonly url: Secret;
  readonly embedded: boolean;
  /** The server's process; it changes with a restart. */
  readonly pid: number | undefined;
}

const GRACE_MS = 10_000;
const READY_MS = 60_000;

/** Durable as Postgres is by default: sessions are rebuilt from its rows, even where a power cut took Temporal's last transactions. */
const SETTINGS = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=300'];

/** DATABASE_URL's Postgres if there is one, else Postgres 18 with its data in RONDO_HOME/postgres. */
export async function startPostgres({ config, log }: ServiceContext): Promise<RunningService<PostgresInfo>> {
  const { ownerUrl } = config.postgres;
  if (ownerUrl) {
    await pingPostgres(ownerUrl.reveal()).catch((error: unknown) => {
      throw new Error('The Postgres of DATABASE_URL does not answer: start it, correct the address, or take the variable away.', { cause: error });
    });
    return external('Postgres', { url: ownerUrl, embedded: false, pid: undefined });
  }

  const { home } = config.paths;
  await endRecorded(home, 'postgres', 'SIGINT', GRACE_MS);
  const programs = await findPostgresPrograms();
  const data = join(homeFolder(home, 'postgres'), 'data');
  const user = postgresUser([dirname(data), dirname(programs.initdb)]);
  const password = keptSecret(join(home, 'postgres-password'));
  await ensureCluster(programs, data, user, password);

  const port = await freePort();
  const url = new Secret(`postgres://rondo:${password}@127.0.0.1:${port}/postgres`);
  const settings = SETTINGS.flatMap((setting) => ['-c', setting]);
  const line = asPostgresUser(user, programs.postgres, ['-D', data, '-p', String(port), ...settings]);
  const start = async (): Promise<Child> => {
    removeStalePidFile(data, programs.postgres);
    const child = startChild({ home, name: 'postgres', ...line, environment: { ...serviceEnvironment(), LC_ALL: 'C' } });
    await waitUntil(child, READY_MS, () => pingPostgres(url.reveal()));
    return child;
  };
  let child = await start();
  log(`Postgres 18: embedded, port ${port}, data in ${data}`);
  return {
    get info() {
      return { url, embedded: true, pid: child.pid };
    },
    start: async () => {
      child = await start();
    },
    stop: () => child.stop('SIGINT', GRACE_MS),
    kill: () => child.stop('SIGKILL', 0),
  };
}
