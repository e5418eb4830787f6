import { daemonLines } from '../../scripts/setup/engines.mjs';
import { locateTools } from '../../scripts/setup/locate.mjs';
import { askDaemon, howToGetDocker, usersDaemonAddress } from '../../scripts/setup/tools/docker.mjs';
import { processEnvironment } from '../config/environment.js';
import type { Child } from './child-process.js';
import { type OwnDaemon, ownDaemon } from './docker-daemon.js';
import { dockerEngine } from './docker-engine.js';
import { external, type RunningService, type ServiceContext } from './service.js';

export interface DockerInfo {
  /** DOCKER_HOST for whoever wants to talk to this daemon. */
  readonly address: string;
  /** Names of the registered runtimes. */
  readonly runtimes: readonly string[];
  /** Name of the sandbox image; it is there. */
  readonly image: string;
  readonly embedded: boolean;
  /** The daemon's process; it changes with a restart. */
  readonly pid: number | undefined;
}

/**
 * A Docker daemon with the sandbox image: the user's if one answers and knows `needed` (runtimes), else, as root, one of our own
 * beside it. Rejects with what to do where neither is possible. The user's daemon is never edited; it only gets the image.
 */
export async function startDocker(context: ServiceContext, needed: readonly string[]): Promise<RunningService<DockerInfo>> {
  const { config, log } = context;
  const { dockerHost, image } = config.sandbox;
  const environment = { ...processEnvironment(), RONDO_CACHE: config.paths.cache };
  const tools = locateTools(environment);
  const address = usersDaemonAddress({ DOCKER_HOST: dockerHost });
  const daemon = await askDaemon(address);
  const missing = needed.filter((runtime) => !daemon?.runtimes.includes(runtime));

  if (daemon && missing.length === 0) {
    await ensureImage(address, image, tools.sandboxImage?.archive, log);
    log(`Docker: yours at ${address} (${daemon.version}), runtimes ${daemon.runtimes.join(', ')}`);
    return external('Docker', { address, runtimes: daemon.runtimes, image, embedded: false, pid: undefined });
  }
  if (daemon && (dockerHost || !canRunOwn(tools))) {
    throw new Error(`The Docker daemon at ${address} does not know ${missing.join(', ')}: ${howToRegister(missing, tools.runsc)}.`);
  }
  if (dockerHost) throw new Error(`No Docker daemon answers at DOCKER_HOST=${dockerHost}: start it, or take the variable away.`);
  if (!tools.dockerDaemon || !canRunOwn(tools)) throw new Error(`No Docker daemon answers at ${address}: ${howToGetDocker()}.`);

  const own = ownDaemon(config.paths.home, { dockerd: tools.dockerDaemon, runsc: tools.runsc });
  await own.endPrevious();
  return await running(own, image, tools.sandboxImage?.archive, log);
}

async function running(own: OwnDaemon, image: string, archive: string | undefined, log: ServiceContext['log']): Promise<RunningService<DockerInfo>> {
  const { address } = own;
  let child: Child = await own.start();
  const info = await askDaemon(address);
  const runtimes = info?.runtimes ?? [];
  try {
    await ensureImage(address, image, archive, log);
  } catch (error) {
    await own.stop(child);
    throw error;
  }
  log(`Docker ${info?.version ?? ''}: embedded, ${address}, runtimes ${runtimes.join(', ')}`);
  return {
    get info() {
      return { address, runtimes, image, embedded: true, pid: child.pid };
    },
    start: async () => {
      child = await own.start();
    },
    stop: () => own.stop(child),
    kill: () => child.stop('SIGKILL', 0),
  };
}

const howToRegister = (missing: readonly string[], runsc: string | undefined): string =>
  missing.includes('runsc')
    ? daemonLines(runsc ?? '/usr/local/bin/runsc')
    : 'register it in /etc/docker/daemon.json and restart Docker, or set RONDO_SANDBOX_RUNTIME to one it knows';

const canRunOwn = (tools: { dockerDaemon: string | undefined }): boolean => process.getuid?.() === 0 && tools.dockerDaemon !== undefined;

async function ensureImage(address: string, image: string, archive: string | undefined, log: ServiceContext['log']): Promise<void> {
  const engine = dockerEngine(address);
  if (await engine.hasImage(image)) return;
  if (!archive)
    throw new Error(`Docker lacks the sandbox image ${image}, and it is not in the cache: run npm run setup, or set RONDO_SANDBOX_IMAGE to an image you have.`);
  log(`Docker: importing the sandbox image ${image} (once) …`);
  await engine.importImage(archive, image);
}
