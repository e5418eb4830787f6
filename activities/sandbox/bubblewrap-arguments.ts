import * as fs from 'node:fs/promises';
import path from 'node:path';
import { AGENT_USER } from './sandbox-user.js';
import {
  EGRESS_PATH,
  HOME_PATH,
  HOST_SOCKETS_DIRECTORY,
  initScript,
  JOURNAL_PATH,
  MOUNTS_PATH,
  NODE_PATH,
  SANDBOX_ENVIRONMENT,
  SOCKET_DIRECTORY,
  SUPERVISOR_PATH,
  WORKSPACE_PATH,
} from './supervisor-command.js';

/** Host paths that a sandbox is made of, as the process that runs bubblewrap sees them. */
export interface SandboxPaths {
  /** A root file system, or the host's own when undefined (of which /usr and little else is shown). */
  readonly rootfs: string | undefined;
  readonly nodeBinary: string;
  readonly supervisorBundle: string;
  readonly workspace: string;
  readonly mounts: string;
  readonly journal: string;
  readonly egress: string;
  readonly hostSockets: string;
  /** Holds `passwd` and `group`, shown where the host's own root is used. */
  readonly accounts: string;
}

/** Descriptors that the launcher opens for bubblewrap; some shells know no number above 9. */
export const SECCOMP_DESCRIPTOR = 7;
export const INFO_DESCRIPTOR = 8;

const TEMPORARY_BYTES = String(256 * 1024 * 1024);

/** Made anew inside every sandbox, or left out. */
const NOT_FROM_ROOTFS = new Set(['proc', 'dev', 'sys', 'tmp', 'run', 'home', 'root', 'opt', 'mnt', 'media', 'srv', 'boot', 'workspace', 'lost+found']);

/** Of the host's /etc, what programs need to start, resolve names of users and check certificates. */
const HOST_ETC = ['alternatives', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'ssl/certs', 'ca-certificates', 'mime.types', 'localtime'];

/**
 * The whole command line behind `bwrap`. `rootfsHere`: where this process finds the root file system, if elsewhere
 * than bubblewrap will.
 */
export async function bubblewrapArguments(
  paths: SandboxPaths,
  limits: { readonly processes: number | undefined; readonly fileBytes: number },
  rootfsHere = paths.rootfs,
): Promise<string[]> {
  const init = ['/bin/sh', '-c', initScript(`--dial ${HOST_SOCKETS_DIRECTORY}`)];
  return [
    '--unshare-all',
    '--unshare-user',
    '--disable-userns',
    ...['--uid', String(AGENT_USER.uid), '--gid', String(AGENT_USER.gid)],
    ...['--hostname', 'sandbox', '--new-session', '--as-pid-1', '--cap-drop', 'ALL', '--clearenv'],
    ...Object.entries(SANDBOX_ENVIRONMENT).flatMap(([key, value]) => ['--setenv', key, value]),
    ...(paths.rootfs === undefined ? await hostRoot(paths.accounts) : await givenRoot(paths.rootfs, rootfsHere ?? paths.rootfs)),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...temporary('/tmp', '1777'),
    ...temporary(HOME_PATH, '0700'),
    ...temporary(SOCKET_DIRECTORY, '0700'),
    ...['--ro-bind', paths.nodeBinary, NODE_PATH, '--ro-bind', paths.supervisorBundle, SUPERVISOR_PATH],
    ...['--ro-bind', paths.hostSockets, HOST_SOCKETS_DIRECTORY, '--ro-bind', paths.egress, EGRESS_PATH],
    ...['--bind', paths.journal, JOURNAL_PATH, '--bind', paths.workspace, WORKSPACE_PATH, '--bind', paths.mounts, MOUNTS_PATH],
    ...['--remount-ro', '/', '--remount-ro', '/dev', '--chdir', WORKSPACE_PATH],
    ...['--seccomp', String(SECCOMP_DESCRIPTOR), '--info-fd', String(INFO_DESCRIPTOR), '--'],
    ...['prlimit', `--fsize=${limits.fileBytes}:${limits.fileBytes}`],
    // Without a control group the count of processes is held back per user namespace.
    ...(limits.processes === undefined ? [] : [`--nproc=${limits.processes}:${limits.processes}`]),
    '--',
    ...init,
  ];
}

const temporary = (target: string, mode: string): string[] => ['--perms', mode, '--size', TEMPORARY_BYTES, '--tmpfs', target];

async function givenRoot(rootfs: string, rootfsHere: string): Promise<string[]> {
  const entries = (await fs.readdir(rootfsHere)).filter((name) => !NOT_FROM_ROOTFS.has(name));
  const shown = entries.map((name) => shownAt(`/${name}`, path.join(rootfs, name), path.join(rootfsHere, name)));
  return (await Promise.all(shown)).flat();
}

async function hostRoot(accounts: string): Promise<string[]> {
  const top = await Promise.all(['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64'].map((name) => shownAt(`/${name}`, `/${name}`, `/${name}`)));
  const etc = HOST_ETC.flatMap((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]);
  const users = ['passwd', 'group'].flatMap((name) => ['--ro-bind', `${accounts}/${name}`, `/etc/${name}`]);
  return [...top.flat(), ...etc, ...users];
}

/** A link stays a link (`/bin` to `usr/bin`); directories are bound read-only. */
async function shownAt(target: string, source: string, sourceHere: string): Promise<string[]> {
  const stat = await fs.lstat(sourceHere).catch(() => undefined);
  if (stat === undefined) return [];
  if (stat.isSymbolicLink()) return ['--symlink', await fs.readlink(sourceHere), target];
  return ['--ro-bind', source, target];
}
