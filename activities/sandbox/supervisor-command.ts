/** Where the runtime and the supervisor lie inside every sandbox. */
export const NODE_PATH = '/opt/rondo/node';
export const SUPERVISOR_PATH = '/opt/rondo/supervisor.mjs';
export const JOURNAL_PATH = '/run/rondo/journal';
export const SOCKET_DIRECTORY = '/run/rondo/socket';
export const HOST_SOCKETS_DIRECTORY = '/run/rondo/host';
/** Holds the egress gateway's socket of this sandbox, and its certificates. */
export const EGRESS_PATH = '/run/rondo/egress';
export const WORKSPACE_PATH = '/workspace';
export const MOUNTS_PATH = '/mnt';
export const HOME_PATH = '/home/agent';

/** The whole environment of a sandbox. */
export const SANDBOX_ENVIRONMENT: Readonly<Record<string, string>> = {
  HOME: HOME_PATH,
  USER: 'agent',
  // Our Node first: older ones, as distributions have them, do not look for a proxy in their environment.
  PATH: '/opt/rondo:/usr/local/bin:/usr/bin:/bin',
  LANG: 'C.UTF-8',
};

/**
 * PID 1 of every sandbox: a shell that starts the supervisor again whenever it ends, and reaps orphans. Neither the
 * supervisor itself as PID 1 (zombies stay) nor a small init (`kill -9 -1` would end the sandbox) does both.
 */
export const initScript = (serveArguments = ''): string =>
  'exec </dev/null >/dev/null 2>&1; trap "exit 0" TERM; ' +
  `while :; do ${NODE_PATH} --max-old-space-size=128 --max-semi-space-size=1 ${SUPERVISOR_PATH} serve ${serveArguments} & wait $!; sleep 0.1; done`;

/** The bridge between standard input and output and the supervisor; socat where there is one, it starts ten times faster. */
export const BRIDGE_SCRIPT =
  `if command -v socat >/dev/null 2>&1; then exec socat -t 0.1 STDIO UNIX-CONNECT:${SOCKET_DIRECTORY}/supervisor.sock,retry=750,interval=0.02; ` +
  `else exec ${NODE_PATH} --max-old-space-size=32 ${SUPERVISOR_PATH} bridge; fi`;
