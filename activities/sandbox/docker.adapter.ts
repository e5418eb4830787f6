import * as fs from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { RondoError } from '../../workflows/contract/errors.js';
import { isolationOf } from '../../workflows/contract/isolation.js';
import { capabilitiesOf } from './capabilities.js';
import { connectionOf, statusOf } from './docker-connection.adapter.js';
import { createOptions, type DockerProviderOptions, INSTALLATION_LABEL, NAME_LABEL } from './docker-container.adapter.js';
import { demultiplex } from './docker-stream.js';
import { probeProvider } from './probe.js';
import type { SandboxProvider, SandboxSpec } from './sandbox.port.js';
import { makeSandboxDirectory, sandboxUser } from './sandbox-user.js';
import { BRIDGE_SCRIPT } from './supervisor-command.js';

const CREATE_TIMEOUT_MS = 10_000;

/** Sandboxes as containers of a Docker engine, under any of its runtimes. */
export function createDockerProvider(options: DockerProviderOptions): SandboxProvider {
  const { runtime, installation } = options;
  const docker = new Docker(connectionOf(options.address));
  const user = sandboxUser();

  const inspect = async (name: string) => {
    try {
      return await docker.getContainer(name).inspect();
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw failed(`look at sandbox ${name}`, error);
    }
  };

  let described: Promise<EngineInfo> | undefined;
  const describe = (): Promise<EngineInfo> => {
    described ??= docker.info().catch((error: unknown) => {
      described = undefined;
      throw failed('say what it is', error);
    });
    return described;
  };

  /** The container of that name if there was one already. */
  const createContainer = async (spec: SandboxSpec): Promise<Docker.ContainerInspectInfo | undefined> => {
    // gVisor filters system calls itself, and Kata's machine has a kernel of its own.
    const filtered = isolationOf(runtime) === 'container' && hasFilters(await describe());
    const until = Date.now() + CREATE_TIMEOUT_MS;
    for (;;) {
      try {
        await docker.createContainer(createOptions(spec, options, user, filtered));
        return undefined;
      } catch (error) {
        // Somebody has made it already: an earlier attempt that died, or one that runs at the same time.
        if (statusOf(error) !== 409) throw failed(`create sandbox ${spec.name}`, error);
      }
      // The name of a container is taken some time before the container can be seen.
      const container = await inspect(spec.name);
      if (container !== undefined) return container;
      if (Date.now() > until) throw new RondoError('sandbox.failed', `Sandbox ${spec.name} is half made and cannot be seen; restart the Docker engine.`);
      await delay(20);
    }
  };

  const start = async (name: string): Promise<void> => {
    try {
      await docker.getContainer(name).start();
    } catch (error) {
      if (statusOf(error) !== 304) throw failed(`start sandbox ${name}`, error);
    }
  };

  const provider: SandboxProvider = {
    engine: 'docker',
    runtime,
    isolation: isolationOf(runtime),

    async capabilities() {
      const info = await describe();
      return capabilitiesOf({
        isolation: isolationOf(runtime),
        engine: 'docker',
        asRoot: process.geteuid?.() === 0,
        limits: { memory: info.MemoryLimit === true, cpu: info.CpuCfsQuota === true, processes: info.PidsLimit === true },
        filters: hasFilters(info),
        hostSockets: reachesHostSockets(runtime, info),
      });
    },

    async probe() {
      await requireEngine(docker, options);
      await probeProvider(provider, options.scratchDirectory);
    },

    async create(spec) {
      await makeSandboxDirectory(spec.workspaceDirectory, user);
      await makeSandboxDirectory(spec.mountsDirectory, user);
      await makeSandboxDirectory(spec.journalDirectory, user);
      await fs.mkdir(spec.egressDirectory, { recursive: true, mode: 0o755 });
      const container = await createContainer(spec);
      if (container === undefined) return start(spec.name);
      if (container.Config.Labels[INSTALLATION_LABEL] !== installation) {
        throw new RondoError(
          'sandbox.failed',
          `There is a container ${spec.name} that is not a sandbox of this installation; remove it with \`docker rm -f ${spec.name}\`.`,
        );
      }
      if (container.State.Running) return;
      if (container.State.Status !== 'created') throw gone(spec.name);
      await start(spec.name);
    },

    async attach(name, signal) {
      let connection: Duplex;
      try {
        const exec = await docker.getContainer(name).exec({
          Cmd: ['/bin/sh', '-c', BRIDGE_SCRIPT],
          AttachStdin: true,
          AttachStdout: true,
          AttachStderr: true,
        });
        signal?.throwIfAborted();
        connection = await exec.start({ hijack: true, stdin: true });
      } catch (error) {
        signal?.throwIfAborted();
        if (statusOf(error) === 404 || statusOf(error) === 409) throw gone(name, error);
        throw failed(`attach to sandbox ${name}`, error);
      }
      return demultiplex(connection);
    },

    async isRunning(name) {
      return (await inspect(name))?.State.Running === true;
    },

    async whyEnded(name) {
      const container = await inspect(name);
      if (container === undefined || container.State.Running) return undefined;
      const limit = `${Math.round((container.HostConfig.Memory ?? 0) / 2 ** 20)} MiB`;
      // Of gVisor the kernel's killer takes the whole, which the engine may see as a plain SIGKILL.
      const isOutOfMemory = container.State.OOMKilled || (isolationOf(runtime) === 'gvisor' && container.State.ExitCode === 137);
      if (isOutOfMemory) return `The whole sandbox ran out of memory (its limit is ${limit}) and was ended.`;
      return `The sandbox ended by itself, with exit code ${container.State.ExitCode}.`;
    },

    async destroy(name) {
      try {
        await docker.getContainer(name).remove({ force: true, v: true });
      } catch (error) {
        if (statusOf(error) === 404) return;
        // Another removal of the same container is under way: it is gone when that one is done.
        if (statusOf(error) !== 409) throw failed(`remove sandbox ${name}`, error);
        await docker
          .getContainer(name)
          .wait({ condition: 'removed' })
          .catch(() => {});
      }
    },

    async list() {
      try {
        const containers = await docker.listContainers({ all: true, filters: { label: [`${INSTALLATION_LABEL}=${installation}`] } });
        return containers.flatMap((container) => container.Labels[NAME_LABEL] ?? []);
      } catch (error) {
        throw failed('list sandboxes', error);
      }
    },

    async close() {
      // One connection per request: nothing is kept open.
    },
  };
  return provider;
}

const hasFilters = ({ SecurityOptions = [] }: EngineInfo): boolean => SecurityOptions.some((option) => option.startsWith('name=seccomp'));

/** gVisor lets sockets of the host through where it is told to; Kata's machine shares files only. */
function reachesHostSockets(runtime: string, { Runtimes = {} }: EngineInfo): boolean {
  const isolation = isolationOf(runtime);
  if (isolation !== 'gvisor') return isolation !== 'microvm';
  return Runtimes[runtime]?.runtimeArgs?.some((word) => /^-?-host-uds=(open|all)$/.test(word)) === true;
}

/** What is asked of the engine's own description. */
interface EngineInfo {
  readonly MemoryLimit?: boolean;
  readonly CpuCfsQuota?: boolean;
  readonly PidsLimit?: boolean;
  readonly SecurityOptions?: readonly string[];
  readonly Runtimes?: Readonly<Record<string, { readonly runtimeArgs?: readonly string[] }>>;
}

async function requireEngine(docker: Docker, options: DockerProviderOptions): Promise<void> {
  const { address } = options;
  if (!/^(unix|tcp|http):\/\//.test(address)) {
    throw new RondoError('sandbox.unavailable', `A Docker engine at ${address} cannot be used; give a unix:// or tcp:// address in DOCKER_HOST.`);
  }
  for (const file of [options.nodeBinary, options.supervisorBundle]) {
    await fs.access(file).catch((cause: unknown) => {
      throw new RondoError('sandbox.unavailable', `${file}, which every sandbox needs, is missing; run \`npm run build\`.`, { cause });
    });
  }
  const info = await docker.info().catch((cause: unknown) => {
    throw new RondoError(
      'sandbox.unavailable',
      `No Docker engine answers at ${address}; start one, or install Docker (https://docs.docker.com/engine/install/).`,
      { cause },
    );
  });
  const runtimes: Record<string, unknown> = info.Runtimes ?? {};
  if (!(options.runtime in runtimes)) {
    throw new RondoError(
      'sandbox.unavailable',
      `The Docker engine at ${address} knows no runtime ${options.runtime} (it has ${Object.keys(runtimes).join(', ')}); install it and add it to "runtimes" in /etc/docker/daemon.json.`,
    );
  }
  await docker
    .getImage(options.image)
    .inspect()
    .catch((cause: unknown) => {
      throw new RondoError('sandbox.unavailable', `The Docker engine at ${address} has no image ${options.image}; run \`npm run setup\` to build it.`, {
        cause,
      });
    });
}

const failed = (what: string, cause: unknown): RondoError =>
  new RondoError('sandbox.failed', `The Docker engine could not ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });

const gone = (name: string, cause?: unknown): RondoError =>
  new RondoError('sandbox.gone', `Sandbox ${name} does not run any more; a new one can be made on the same workspace.`, { cause });
