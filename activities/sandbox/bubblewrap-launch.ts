import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { bubblewrapArguments, INFO_DESCRIPTOR, type SandboxPaths, SECCOMP_DESCRIPTOR } from './bubblewrap-arguments.js';
import type { SandboxUser } from './sandbox-user.js';

/** Files of one sandbox under the provider's state directory. */
export const stateFiles = (directory: string) => ({
  /** Process id, start time and boot id of the launch; written before bubblewrap starts, never overwritten. */
  launched: path.join(directory, 'launched'),
  /** Written by bubblewrap: the process id of the sandbox's PID 1 on the host, and its namespaces. */
  info: path.join(directory, 'info.json'),
  log: path.join(directory, 'log'),
  lock: path.join(directory, 'lock'),
  seccomp: path.join(directory, 'seccomp.bpf'),
  accounts: path.join(directory, 'accounts'),
  hostSockets: path.join(directory, 'host'),
  /** The name of the image it is made of, if it is not the plain one. */
  image: path.join(directory, 'image'),
});

export interface Launch {
  readonly directory: string;
  readonly bwrap: string;
  readonly paths: SandboxPaths;
  readonly user: SandboxUser;
  readonly seccomp: Buffer;
  /** `cgroup.procs` files to join; undefined where there are no control groups. */
  readonly groupFiles: readonly string[] | undefined;
  readonly processes: number;
  readonly diskBytes: number;
}

/**
 * $1 state directory, $2 blank-separated files of control groups; then the command. Whoever holds the lock first
 * launches; the record is there before the sandbox is, so no crash leaves one that nobody knows of.
 */
const LAUNCH_SCRIPT = `
set -eu
state=$1 groups=$2; shift 2
exec 9<"$state/lock"
flock 9
[ ! -e "$state/launched" ] || exit 0
for file in $groups; do echo $$ > "$file"; done
read -r stat < /proc/$$/stat
read -r boot < /proc/sys/kernel/random/boot_id
start=$(set -- \${stat##*) }; shift 19; echo "$1")
echo "$$ $start $boot" > "$state/launched.new"
mv "$state/launched.new" "$state/launched"
ulimit -c 0
ulimit -n 4096
exec ${SECCOMP_DESCRIPTOR}<"$state/seccomp.bpf" ${INFO_DESCRIPTOR}>"$state/info.json" 9<&-
exec "$@"
`;

/**
 * Root only, in a mount namespace of its own: shows the sandbox's parts under /sys (none of them can lie there), where
 * the unprivileged user reaches them whatever the modes of the directories above, and becomes that user.
 * $1 uid, $2 gid; then pairs of name and source up to \`--\`; then the command.
 */
const STAGE_SCRIPT = `
set -eu
uid=$1 gid=$2; shift 2
mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs /sys
while [ "$1" != -- ]; do
  if [ -d "$2" ]; then mkdir "/sys/$1"; else : > "/sys/$1"; fi
  mount --rbind "$2" "/sys/$1"
  shift 2
done
shift
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- "$@"
`;

/** Starts the sandbox, unless it has been launched before. Resolves to what the launcher said when it failed. */
export async function launch(options: Launch): Promise<string | undefined> {
  const files = stateFiles(options.directory);
  const { uid, gid } = options.user;
  await fs.mkdir(files.hostSockets, { recursive: true, mode: 0o755 });
  await fs.mkdir(files.accounts, { recursive: true, mode: 0o755 });
  await fs.writeFile(path.join(files.accounts, 'passwd'), 'root:x:0:0::/:/bin/false\nagent:x:10001:10001::/home/agent:/bin/bash\n');
  await fs.writeFile(path.join(files.accounts, 'group'), 'root:x:0:\nagent:x:10001:\n');
  await fs.writeFile(files.seccomp, options.seccomp);
  await (await fs.open(files.lock, 'a')).close();

  const asRoot = process.geteuid?.() === 0;
  const limits = { processes: options.groupFiles === undefined ? options.processes : undefined, fileBytes: options.diskBytes };
  const command = asRoot ? await staged(options, limits) : [options.bwrap, ...(await bubblewrapArguments(options.paths, limits))];
  const log = await fs.open(files.log, 'a');
  try {
    const child = spawn('/bin/sh', ['-c', LAUNCH_SCRIPT, 'launch', options.directory, (options.groupFiles ?? []).join(' '), ...command], {
      // A session of its own: the sandbox outlives this process and its terminal.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      cwd: '/',
      ...(asRoot ? {} : { uid, gid }),
    });
    child.unref();
    const ended = once(child, 'exit').then(([code]: (number | null)[]) => code);
    const started = waitForInfo(files.info);
    const code = await Promise.race([ended, started.promise.then(() => undefined)]);
    started.stop();
    if (code === undefined || code === null || code === 0) return undefined;
    return (await fs.readFile(files.log, 'utf8')).trim().slice(-1000) || `the launcher ended with exit code ${String(code)}`;
  } finally {
    await log.close();
  }
}

async function staged(options: Launch, limits: { readonly processes: number | undefined; readonly fileBytes: number }): Promise<string[]> {
  const { rootfs, ...rest } = options.paths;
  const program = await reachableProgram(options.bwrap);
  const sources: Record<string, string> = { ...program.sources, ...rest, ...(rootfs === undefined ? {} : { rootfs }) };
  const at = (name: string) => `/sys/${name}`;
  const inside: SandboxPaths = {
    rootfs: rootfs === undefined ? undefined : at('rootfs'),
    nodeBinary: at('nodeBinary'),
    supervisorBundle: at('supervisorBundle'),
    workspace: at('workspace'),
    mounts: at('mounts'),
    journal: at('journal'),
    egress: at('egress'),
    hostSockets: at('hostSockets'),
    accounts: at('accounts'),
  };
  return [
    ...['unshare', '--mount', '--propagation', 'private', '--', '/bin/sh', '-c', STAGE_SCRIPT, 'stage'],
    ...[String(options.user.uid), String(options.user.gid)],
    ...Object.entries(sources).flat(),
    ...['--', program.path, ...(await bubblewrapArguments(inside, limits, rootfs))],
  ];
}

/**
 * bubblewrap where the unprivileged user can run it. One in a private directory (a cache) is staged with the two
 * directories above it: the Python package keeps its libraries beside them.
 */
async function reachableProgram(bwrap: string): Promise<{ path: string; sources: Record<string, string> }> {
  const tree = path.resolve(bwrap, '../../..');
  for (let directory = path.dirname(bwrap); ; directory = path.dirname(directory)) {
    const { mode } = await fs.stat(directory);
    const isPrivate = (mode & fs.constants.S_IXOTH) === 0;
    if (isPrivate) return { path: path.join('/sys/bubblewrap', path.relative(tree, bwrap)), sources: { bubblewrap: tree } };
    if (directory === '/') return { path: bwrap, sources: {} };
  }
}

/** Resolves when bubblewrap has written its information, which it does once the sandbox's PID 1 exists. */
function waitForInfo(file: string) {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<void>((resolve) => {
    const check = async () => {
      const text = await fs.readFile(file, 'utf8').catch(() => '');
      if (text.includes('}')) return resolve();
      timer = setTimeout(() => void check(), 3);
    };
    void check();
  });
  return { promise, stop: () => clearTimeout(timer) };
}
