import type Docker from 'dockerode';
import type { SandboxSpec } from './sandbox.port.js';
import type { SandboxUser } from './sandbox-user.js';
import { seccompProfile } from './seccomp-profile.js';
import {
  EGRESS_PATH,
  HOME_PATH,
  initScript,
  JOURNAL_PATH,
  MOUNTS_PATH,
  NODE_PATH,
  SANDBOX_ENVIRONMENT,
  SOCKET_DIRECTORY,
  SUPERVISOR_PATH,
  WORKSPACE_PATH,
} from './supervisor-command.js';

export interface DockerProviderOptions {
  /** `unix:///var/run/docker.sock` or `tcp://host:port`. */
  readonly address: string;
  /** As the engine calls it: `runc`, `runsc`, … */
  readonly runtime: string;
  readonly image: string;
  /** The real file of a Linux Node >= 24, as the engine's host sees it. */
  readonly nodeBinary: string;
  /** dist/supervisor.mjs, as the engine's host sees it. */
  readonly supervisorBundle: string;
  /** Tells the sandboxes of one installation from those of others on the same engine. */
  readonly installation: string;
  /** For the directories of a probe's sandbox; must lie on the engine's host. */
  readonly scratchDirectory: string;
}

export const INSTALLATION_LABEL = 'dev.rondo.installation';
export const NAME_LABEL = 'dev.rondo.sandbox';

/** The gVisor sentry needs threads of its own and dies when it gets none, so the agent is held back from inside. */
const SENTRY_PIDS = 4096;

/**
 * A container that can reach nothing but its own directories, and gain no right it does not start with. `filtered`: the runtime
 * takes a filter of system calls.
 */
export function createOptions(spec: SandboxSpec, options: DockerProviderOptions, user: SandboxUser, filtered: boolean): Docker.ContainerCreateOptions {
  const owner = `uid=${user.uid},gid=${user.gid}`;
  const isGvisor = options.runtime.startsWith('runsc');
  return {
    name: spec.name,
    Image: spec.image ?? options.image,
    User: `${user.uid}:${user.gid}`,
    WorkingDir: WORKSPACE_PATH,
    Hostname: 'sandbox',
    Labels: { [INSTALLATION_LABEL]: options.installation, [NAME_LABEL]: spec.name },
    Entrypoint: ['/bin/sh', '-c', initScript()],
    Cmd: [],
    Env: Object.entries(SANDBOX_ENVIRONMENT).map(([key, value]) => `${key}=${value}`),
    HostConfig: {
      Runtime: options.runtime,
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true', ...(filtered ? [`seccomp=${seccompProfile()}`] : [])],
      IpcMode: 'private',
      Init: false,
      PidsLimit: isGvisor ? SENTRY_PIDS : spec.processes,
      Memory: spec.memoryBytes,
      MemorySwap: spec.memoryBytes,
      NanoCpus: Math.round(spec.cpus * 1e9),
      Ulimits: [
        { Name: 'nofile', Soft: 4096, Hard: 4096 },
        { Name: 'core', Soft: 0, Hard: 0 },
        { Name: 'fsize', Soft: spec.diskBytes, Hard: spec.diskBytes },
        // Elsewhere this limit counts all processes of the user on the host, so it would join sandboxes together.
        ...(isGvisor ? [{ Name: 'nproc', Soft: spec.processes, Hard: spec.processes }] : []),
      ],
      Tmpfs: {
        '/tmp': `rw,nosuid,nodev,exec,size=256m,mode=1777,${owner}`,
        [HOME_PATH]: `rw,nosuid,nodev,exec,size=256m,mode=0700,${owner}`,
        [SOCKET_DIRECTORY]: `rw,nosuid,nodev,noexec,size=16m,mode=0700,${owner}`,
      },
      Mounts: [
        bind(options.nodeBinary, NODE_PATH, true),
        bind(options.supervisorBundle, SUPERVISOR_PATH, true),
        bind(spec.workspaceDirectory, WORKSPACE_PATH, false),
        bind(spec.mountsDirectory, MOUNTS_PATH, false),
        bind(spec.journalDirectory, JOURNAL_PATH, false),
        // The directory, not the socket in it: the gateway makes that anew whenever it starts.
        bind(spec.egressDirectory, EGRESS_PATH, true),
      ],
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'none', Config: {} },
    },
  };
}

/** Unlike the short form, this one fails when the source does not exist, instead of making a root-owned directory. */
const bind = (source: string, target: string, readOnly: boolean): Docker.MountSettings => ({
  Type: 'bind',
  Source: source,
  Target: target,
  ReadOnly: readOnly,
});
