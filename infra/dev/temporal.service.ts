import { join } from 'node:path';
import { locateTools } from '../../scripts/setup/locate.mjs';
import { processEnvironment, serviceEnvironment } from '../config/environment.js';
import { type Child, startChild } from './child-process.js';
import { freePort } from './free-port.js';
import { homeFolder } from './home.js';
import { endRecorded } from './process-record.js';
import { external, type RunningService, type ServiceContext } from './service.js';
import { ensureNamespace, SEARCH_ATTRIBUTES } from './temporal-namespace.js';
import { waitUntil } from './wait-until.js';

export interface TemporalInfo {
  /** `host:port` of the gRPC service. */
  readonly address: string;
  readonly namespace: string;
  /** The Web UI; unknown for somebody else's server unless TEMPORAL_UI_URL names it. */
  readonly uiUrl: string | undefined;
  readonly embedded: boolean;
  /** The server's process; it changes with a restart. */
  readonly pid: number | undefined;
}

const GRACE_MS = 10_000;
const READY_MS = 60_000;

/**
 * The file database survives a killed process and is fast; only a power cut may lose the last transactions. The dynamic settings
 * let the server push a cancellation to a worker at once, instead of answering it to the next heartbeat.
 */
const FLAGS = [
  ['--ip', '127.0.0.1'],
  ['--ui-ip', '127.0.0.1'],
  ['--sqlite-pragma', 'journal_mode=wal'],
  ['--sqlite-pragma', 'synchronous=off'],
  ['--dynamic-config-value', 'system.enableCancelActivityWorkerCommand=true'],
  ['--dynamic-config-value', 'frontend.WorkerCommandsEnabled=true'],
  ['--log-level', 'warn'],
  ...SEARCH_ATTRIBUTES.map((name) => ['--search-attribute', `${name}=Keyword`]),
].flat();

/** TEMPORAL_ADDRESS's server if there is one, else a dev server with its data in RONDO_HOME/temporal. */
export async function startTemporal({ config, log }: ServiceContext): Promise<RunningService<TemporalInfo>> {
  const { address: given, namespace, uiUrl } = config.temporal;
  if (given) {
    await ensureNamespace(given, namespace).catch((error: unknown) => {
      throw new Error(`The Temporal server of TEMPORAL_ADDRESS (${given}) does not answer, or refuses to set up the namespace ${namespace}.`, { cause: error });
    });
    return external('Temporal', { address: given, namespace, uiUrl, embedded: false, pid: undefined });
  }

  const { home, cache } = config.paths;
  await endRecorded(home, 'temporal', 'SIGTERM', GRACE_MS);
  const command = locateTools({ ...processEnvironment(), RONDO_CACHE: cache }).temporal;
  if (!command) throw new Error('The Temporal CLI is not installed: run npm run setup, or set TEMPORAL_ADDRESS to a running server.');
  const [port, uiPort, httpPort, metricsPort] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const address = `127.0.0.1:${port}`;
  const words = [
    ...['server', 'start-dev', '--namespace', namespace, '--db-filename', join(homeFolder(home, 'temporal'), 'temporal.db')],
    ...['--port', port, '--ui-port', uiPort, '--http-port', httpPort, '--metrics-port', metricsPort].map(String),
    ...FLAGS,
  ];
  const start = async (): Promise<Child> => {
    const started = startChild({ home, name: 'temporal', command, words, environment: serviceEnvironment() });
    await waitUntil(started, READY_MS, () => ensureNamespace(address, namespace));
    return started;
  };
  let child = await start();
  const ui = uiUrl ?? `http://127.0.0.1:${uiPort}`;
  log(`Temporal: embedded, ${address}, Web UI ${ui}`);
  return {
    get info() {
      return { address, namespace, uiUrl: ui, embedded: true, pid: child.pid };
    },
    start: async () => {
      child = await start();
    },
    stop: () => child.stop('SIGTERM', GRACE_MS),
    kill: () => child.stop('SIGKILL', 0),
  };
}
