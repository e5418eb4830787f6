import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { processStart } from '../../scripts/setup/process-identity.mjs';
import { askDaemon } from '../../scripts/setup/tools/docker.mjs';
import { serviceEnvironment } from '../config/environment.js';
import { type Child, startChild } from './child-process.js';
import { dockerEngine } from './docker-engine.js';
import { homeFolder, socketFolder } from './home.js';
import { endRecorded } from './process-record.js';
import { waitUntil } from './wait-until.js';

const READY_MS = 60_000;
const GRACE_MS = 20_000;

/** The longest socket that the daemon makes below its folder for sockets. */
const LONGEST_SOCKET = 'exec/containerd/containerd-debug.sock'.length;

export interface OwnDaemon {
  readonly address: string;
  start(): Promise<Child>;
  /** Ends the daemon and everything that ran in it. */
  stop(child: Child): Promise<void>;
  /** Ends what an earlier process of ours left behind. */
  endPrevious(): Promise<void>;
}

/**
 * A Docker daemon of our own: its data in RONDO_HOME/docker, no network for any container, nothing shared with a daemon of the
 * system (configuration, sockets, containerd's namespaces). Needs root.
 */
export function ownDaemon(home: string, tools: { dockerd: string; runsc: string | undefined }): OwnDaemon {
  const data = homeFolder(home, 'docker');
  const sockets = socketFolder(home, 'sock', LONGEST_SOCKET);
  const execRoot = join(sockets, 'exec');
  const containerdPidFile = join(execRoot, 'containerd', 'containerd.pid');
  const pidFile = join(sockets, 'docker.pid');
  const address = `unix://${join(sockets, 'docker.sock')}`;
  const configFile = join(data, 'daemon.json');
  const mark = createHash('sha256').update(home).digest('hex').slice(0, 10);
  const words = [
    ...['--config-file', configFile, '--data-root', join(data, 'data'), '--exec-root', execRoot, '--pidfile', pidFile, '-H', address],
    ...['--group', 'root', '--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--userland-proxy=false'],
    ...['--containerd-namespace', `rondo-${mark}`, '--containerd-plugins-namespace', `rondo-plugins-${mark}`, '--log-level', 'warn'],
  ];

  const start = async (): Promise<Child> => {
    const runtimes = tools.runsc ? { runsc: { path: tools.runsc, runtimeArgs: ['--platform=systrap', '--host-uds=open'] } } : {};
    writeFileSync(configFile, JSON.stringify({ runtimes }));
    // What was killed leaves its pid file, and dockerd takes any process with that pid for the living one, zombies too.
    rmSync(pidFile, { force: true });
    if (livingContainerd(containerdPidFile, execRoot) === undefined) rmSync(containerdPidFile, { force: true });
    const child = startChild({ home, name: 'docker', command: tools.dockerd, words, environment: serviceEnvironment() });
    await waitUntil(child, READY_MS, async () => {
      if (!(await askDaemon(address))) throw new Error('dockerd does not answer yet');
    });
    return child;
  };

  const clearAway = async (): Promise<void> => {
    const containerd = livingContainerd(containerdPidFile, execRoot);
    if (containerd !== undefined) process.kill(containerd, 'SIGKILL');
    await unmountBelow([data, sockets]);
  };

  return {
    address,
    start,
    stop: async (child) => {
      await dockerEngine(address)
        .removeAllContainers()
        .catch(() => {});
      await child.stop('SIGTERM', GRACE_MS);
      await clearAway();
      rmSync(sockets, { recursive: true, force: true });
    },
    endPrevious: async () => {
      await dockerEngine(address)
        .removeAllContainers()
        .catch(() => {});
      await endRecorded(home, 'docker', 'SIGTERM', GRACE_MS);
      await clearAway();
    },
  };
}

/** The containerd that our dockerd started, if it lives: with a killed dockerd it may have died, or not. */
function livingContainerd(pidFile: string, execRoot: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    const isOurs = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(execRoot);
    return isOurs && processStart(pid) !== undefined ? pid : undefined;
  } catch {
    return undefined;
  }
}

async function unmountBelow(folders: readonly string[]): Promise<void> {
  const targets = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replace(/\\040/g, ' '))
    .filter((target) => folders.some((folder) => target.startsWith(`${folder}/`)))
    .reverse();
  for (const target of targets) await promisify(execFile)('umount', ['--lazy', target]).catch(() => {});
}
