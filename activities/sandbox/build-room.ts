import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { RondoError } from '../../workflows/contract/errors.js';
import { type BuildConfiguration, filesToShow, lastWords } from './build-configuration.js';
import type { BuildStep } from './build-plan.js';
import { BUILD_ENVIRONMENT, BUILD_MEMORY_BYTES } from './package-image.js';
import { openResourceGroups } from './resource-group.js';
import { seccompFilter } from './seccomp.js';

export interface BuildRoomOptions {
  readonly bwrap: string;
  /** The root file system that is written to. */
  readonly root: string;
  readonly installation: string;
  readonly configuration: BuildConfiguration;
}

/** Where programs of a build run: the root file system, writable, and nothing else of the host. */
export interface BuildRoom {
  /**
   * `network`: with the host's network, its settings for package managers, and the rights that installing takes.
   * `alone`: without any of them. Errors: `sandbox.image_failed` when it ends with anything but 0.
   */
  run(step: BuildStep, surroundings: 'network' | 'alone', signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** What the distribution's package manager needs; none of them reaches beyond the files it is shown. */
const RIGHTS = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'SETFCAP', 'SETGID', 'SETUID', 'KILL'];
const PROCESSES = 1024;
const KEPT_CHARACTERS = 16_000;
const SECCOMP_DESCRIPTOR = 3;

/** $1 blank-separated files of control groups to join; then the command. */
const JOIN = 'for file in $1; do echo $$ > "$file"; done; shift; exec "$@"';

export async function createBuildRoom({ bwrap, root, installation, configuration }: BuildRoomOptions): Promise<BuildRoom> {
  const filter = seccompFilter(process.arch);
  if (!filter)
    throw new RondoError('sandbox.image_failed', `There is no system call filter for ${process.arch} processors, so packages are installed with Docker only.`);
  const filterFile = `${root}.seccomp`;
  await fs.writeFile(filterFile, filter);
  const group = `${installation}-build-${randomBytes(8).toString('hex')}`;
  const groups = await openResourceGroups();
  const groupFiles = (await groups?.create(group, { memoryBytes: BUILD_MEMORY_BYTES, cpus: availableParallelism(), processes: PROCESSES })) ?? [];

  return {
    async run({ name, words }, surroundings, signal) {
      signal.throwIfAborted();
      const around = surroundings === 'network' ? await withNetwork(configuration) : ALONE;
      const given = surroundings === 'network' ? configuration.environment : {};
      const rules = await fs.open(filterFile, 'r');
      try {
        const child = spawn('/bin/sh', ['-c', JOIN, 'join', groupFiles.join(' '), bwrap, ...common(root), ...around, '--', ...words], {
          stdio: ['ignore', 'pipe', 'pipe', rules.fd],
          // Not as words of the command, which every user of the host can read.
          env: { ...BUILD_ENVIRONMENT, ...given },
          cwd: '/',
          signal,
          killSignal: 'SIGKILL',
        });
        let said = '';
        const listen = (text: string) => {
          said = (said + text).slice(-KEPT_CHARACTERS);
        };
        child.stdout?.setEncoding('utf8').on('data', listen);
        child.stderr?.setEncoding('utf8').on('data', listen);
        const [code] = (await once(child, 'close')) as [number | null];
        if (code !== 0) throw new RondoError('sandbox.image_failed', `${name} ended with exit code ${String(code)}: ${await lastWords(said, configuration)}`);
      } finally {
        await rules.close();
      }
    },
    async close() {
      await groups?.destroy(group);
      await fs.rm(filterFile, { force: true });
    },
  };
}

const common = (root: string): string[] => [
  ...['--bind', path.resolve(root), '/', '--proc', '/proc', '--dev', '/dev', '--perms', '1777', '--tmpfs', '/tmp', '--chdir', '/'],
  ...['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
  ...['--seccomp', String(SECCOMP_DESCRIPTOR)],
];

/** In a user namespace of one user: rights over the files that belong to root, which is what is shown, and over nothing of the kernel. */
const ALONE = ['--unshare-net', '--unshare-user', '--uid', '0', '--gid', '0', '--cap-add', 'CAP_DAC_OVERRIDE', '--cap-add', 'CAP_FOWNER'];

async function withNetwork(configuration: BuildConfiguration): Promise<string[]> {
  const names = await filesToShow({ ...configuration, files: ['/etc/resolv.conf', '/etc/hosts', ...configuration.files] });
  return [...RIGHTS.flatMap((right) => ['--cap-add', `CAP_${right}`]), ...names.flatMap(({ source, target }) => ['--ro-bind', source, target])];
}
