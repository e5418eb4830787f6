import { daemonLines } from '../../scripts/setup/engines.mjs';
import type { locateTools } from '../../scripts/setup/locate.mjs';
import { bubblewrapWorks } from '../../scripts/setup/tools/bubblewrap.mjs';
import { askDaemon, howToGetDocker, usersDaemonAddress } from '../../scripts/setup/tools/docker.mjs';
import { howToIsolate, type IsolationLevel, isolationOf, isolationReaches } from '../../workflows/contract/isolation.js';
import type { Config } from '../config/config.js';
import { dockerEngine } from './docker-engine.js';
import type { Finding } from './finding.js';

type Tools = ReturnType<typeof locateTools>;

const SET_UP = 'npm run setup';

/** The sandbox engines, strongest first. One of them must be there; which, the settings may say. */
export async function examineEngines({ sandbox }: Config, tools: Tools): Promise<Finding[]> {
  const address = usersDaemonAddress({ DOCKER_HOST: sandbox.dockerHost });
  const daemon = await askDaemon(address);
  const ownDaemon = !daemon && !sandbox.dockerHost && process.getuid?.() === 0 && tools.dockerDaemon !== undefined;
  const hasDocker = daemon !== undefined || ownDaemon;
  const hasBubblewrap = tools.bubblewrap !== undefined && bubblewrapWorks(tools.bubblewrap);
  const needed = { docker: sandbox.engine === 'docker', bubblewrap: sandbox.engine === 'bubblewrap' };
  const absent = (isNeeded: boolean): Finding['state'] => (isNeeded || !(hasDocker || hasBubblewrap) ? 'missing' : 'absent');

  const docker: Finding = daemon
    ? { state: 'found', part: 'Docker', what: `yours at ${address} (${daemon.version}), runtimes ${daemon.runtimes.join(', ')}` }
    : ownDaemon
      ? { state: 'embedded', part: 'Docker', what: `a daemon of our own, ${tools.dockerDaemon}` }
      : {
          state: absent(needed.docker),
          part: 'Docker',
          what: `no daemon answers at ${address}`,
          fix: sandbox.dockerHost ? 'start it, or take DOCKER_HOST away' : howToGetDocker(),
        };
  const bubblewrap: Finding = hasBubblewrap
    ? { state: 'found', part: 'bubblewrap', what: tools.bubblewrap ?? '' }
    : tools.bubblewrap
      ? {
          state: absent(needed.bubblewrap),
          part: 'bubblewrap',
          what: `${tools.bubblewrap} may not make namespaces here`,
          fix: 'as root: sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0 (each where it exists)',
        }
      : { state: absent(needed.bubblewrap), part: 'bubblewrap', what: 'not installed', fix: SET_UP };
  const levels: IsolationLevel[] = [
    ...(hasBubblewrap && sandbox.engine !== 'docker' && sandbox.runtime === 'auto' ? ['process' as const] : []),
    ...(hasDocker && sandbox.engine !== 'bubblewrap' ? runtimesHere(daemon?.runtimes, tools, sandbox.runtime).map(isolationOf) : []),
  ];
  return [
    docker,
    await gvisor(daemon, ownDaemon, tools),
    bubblewrap,
    await image(daemon && address, sandbox.image, tools),
    ...(sandbox.minimumIsolation ? [isolation(levels, sandbox.minimumIsolation)] : []),
  ];
}

/** The Docker runtimes that a worker would try: those of the daemon, or of our own daemon to be. */
function runtimesHere(registered: readonly string[] | undefined, tools: Tools, wanted: string): string[] {
  const runtimes = registered ?? ['runc', ...(tools.runsc ? ['runsc'] : [])];
  return runtimes.filter((name) => (wanted === 'auto' ? name === 'runc' || name === 'runsc' : name === wanted));
}

/** Whether what is here is as strong as RONDO_MIN_ISOLATION demands. */
function isolation(levels: readonly IsolationLevel[], minimum: IsolationLevel): Finding {
  const part = 'Isolation';
  const here = levels.length === 0 ? 'nothing here isolates' : `here: ${levels.join(', ')}`;
  const what = `RONDO_MIN_ISOLATION=${minimum}; ${here}`;
  return levels.some((level) => isolationReaches(level, minimum))
    ? { state: 'found', part, what }
    : { state: 'missing', part, what, fix: howToIsolate(minimum) };
}

async function gvisor(daemon: { runtimes: string[] } | undefined, ownDaemon: boolean, tools: Tools): Promise<Finding> {
  const part = 'gVisor';
  if (daemon?.runtimes.includes('runsc')) return { state: 'found', part, what: 'registered with your Docker daemon' };
  if (!tools.runsc) return { state: 'absent', part, what: 'not installed: Docker isolates with runc only', fix: `RONDO_SANDBOX_RUNTIME=runsc ${SET_UP}` };
  if (ownDaemon) return { state: 'embedded', part, what: tools.runsc };
  if (!daemon) return { state: 'found', part, what: `${tools.runsc}, of use once there is a Docker daemon` };
  return { state: 'absent', part, what: `${tools.runsc} is there, but your Docker daemon does not know it`, fix: daemonLines(tools.runsc) };
}

async function image(daemonAddress: string | undefined, name: string, tools: Tools): Promise<Finding> {
  const part = 'Sandbox image';
  if (tools.sandboxImage) return { state: 'found', part, what: `${name}, ${tools.sandboxImage.folder}` };
  if (daemonAddress && (await dockerEngine(daemonAddress).hasImage(name))) return { state: 'found', part, what: `${name}, in Docker` };
  return {
    state: 'absent',
    part,
    what: "not built: bubblewrap uses this system's /usr, Docker cannot be used",
    fix: `${SET_UP} (as root with debootstrap, or with Docker and a registry)`,
  };
}
