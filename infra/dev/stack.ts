import { join } from 'node:path';
import type { Config, Environment } from '../config/config.js';
import { processEnvironment } from '../config/environment.js';
import { VARIABLES } from '../config/variables.js';
import { ensureApiKey } from '../postgres/api-keys.repo.js';
import { migrate } from '../postgres/migrate.js';
import { type Encryption, prepareEncryption, takeOverSecrets } from './encryption.js';
import { freePort } from './free-port.js';
import { keptSecret } from './home.js';
import { startProgram, startRehearsal } from './programs.js';
import { waitUntilReady } from './readiness.js';
import { sandboxEnvironment } from './sandbox-environment.js';
import { type Services, startServices } from './services.js';
import type { Supervised } from './supervised.js';

const READY_MS = 90_000;
const WORKSPACE = 'default';

/** The longest that each program may take to end by itself: the worker gives its activities time to be handed over. */
const GRACE_MS = { gateway: 5_000, worker: 25_000, egress: 5_000, rehearsal: 2_000 };

export interface StackRequest {
  readonly config: Config;
  /** Told one readable line for each thing that starts, and for each that had to be started again. */
  readonly log: (line: string) => void;
  /** Aborting it ends a start that is under way. */
  readonly signal: AbortSignal;
  /** Ends this installation's sandboxes; called in the worker's environment after the worker has ended. */
  readonly endSandboxes: (environment: Environment) => Promise<void>;
}

/** A whole Rondo on this machine: services, model server, worker, gateway. */
export interface Stack {
  /** Address of the gateway. */
  readonly url: string;
  readonly apiKey: string;
  /** The file that keeps the key; undefined if the key came from RONDO_API_KEY. */
  readonly apiKeyFile: string | undefined;
  readonly temporalUiUrl: string | undefined;
  /** What `/readyz` answered. */
  readonly readiness: unknown;
  /** Ends everything in order. Safe to repeat. */
  stop(): Promise<void>;
}

/** Starts a stack, or rejects having ended what it had started. */
export async function startStack(request: StackRequest): Promise<Stack> {
  const { config, log, signal } = request;
  const { home } = config.paths;
  const services = await startServices({ config, log });
  /** What `stop` does, last first. */
  const endings: (() => Promise<void>)[] = [services.stop];
  const stop = async (): Promise<void> => {
    for (let end = endings.pop(); end; end = endings.pop()) await end();
  };
  const keep = (name: keyof typeof GRACE_MS, program: Supervised): void => {
    endings.push(() => program.stop('SIGTERM', GRACE_MS[name]));
  };

  try {
    const port = await gatewayPort(config);
    const encryption = prepareEncryption(config);
    const ownerUrl = services.postgres.url.reveal();
    const { appUrl } = await migrate(ownerUrl);
    await takeOverSecrets(encryption.keyring, config.postgres.appUrl?.reveal() ?? appUrl, log);
    const apiKeyFile = config.http.apiKey ? undefined : join(home, 'api-key');
    const apiKey = apiKeyFile ? keptSecret(apiKeyFile) : (config.http.apiKey?.reveal() ?? '');
    await ensureApiKey(ownerUrl, { key: apiKey, workspaceName: WORKSPACE });
    signal.throwIfAborted();

    const rehearsalPort = config.models.rehearsalPort || (await freePort());
    const rehearsal = await startRehearsal({ home, log, environment: rehearsalEnvironment(home, rehearsalPort) });
    keep('rehearsal', rehearsal.program);
    const shared = programEnvironment(config, services, { appUrl, port, encryption, rehearsalUrl: rehearsal.url });
    keep('egress', startProgram({ home, log, name: 'egress', environment: withoutSandboxes(shared) }));
    endings.push(() => request.endSandboxes(shared));
    keep('worker', startProgram({ home, log, name: 'worker', environment: shared }));
    keep('gateway', startProgram({ home, log, name: 'gateway', environment: withoutSandboxes(shared) }));
    const url = `http://${reachable(config.http.host)}:${port}`;
    const readiness = await waitUntilReady(url, READY_MS, signal);
    return { url: config.http.publicUrl ?? url, apiKey, apiKeyFile, temporalUiUrl: services.temporal.uiUrl, readiness, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The gateway's port is the one its users know, so a taken one is an error and not replaced. */
async function gatewayPort({ http }: Config): Promise<number> {
  const port = await freePort(http.port);
  if (http.port !== 0 && port !== http.port) {
    throw new Error(`Port ${http.port} is taken by another program: end that one, or set RONDO_PORT (0 takes a free one).`);
  }
  return port;
}

/** The model server gets no keys: it needs none. */
function rehearsalEnvironment(home: string, port: number): Environment {
  const { PATH, HOME, LANG } = processEnvironment();
  return { PATH, HOME, LANG, RONDO_HOME: home, RONDO_REHEARSAL_PORT: String(port) };
}

/** What worker, gateway and egress gateway run in. They get the database as the role that owns nothing, and not the workspace's key. */
function programEnvironment(
  config: Config,
  services: Services,
  given: { readonly appUrl: string; readonly port: number; readonly encryption: Encryption; readonly rehearsalUrl: string },
): Environment {
  const { temporal } = services;
  return {
    ...processEnvironment(),
    DATABASE_URL: undefined,
    RONDO_API_KEY: undefined,
    RONDO_HOME: config.paths.home,
    RONDO_CACHE: config.paths.cache,
    RONDO_PORT: String(given.port),
    RONDO_APP_DATABASE_URL: config.postgres.appUrl?.reveal() ?? given.appUrl,
    ...given.encryption.environment,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    TEMPORAL_UI_URL: temporal.uiUrl,
    RONDO_REHEARSAL_URL: config.models.rehearsalUrl ?? given.rehearsalUrl,
    ...sandboxEnvironment(config, services.docker),
  };
}

/** What the gateways run in: they never reach for a sandbox, so they are not told where those are. */
function withoutSandboxes(environment: Environment): Environment {
  const names = new Set<string>(VARIABLES.filter(({ at }) => at.startsWith('sandbox.')).map(({ name }) => name));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !names.has(name) && !name.startsWith('DOCKER_')));
}

/** An address that listens on every interface is reached on this machine by 127.0.0.1. */
const reachable = (host: string): string => (host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host);
