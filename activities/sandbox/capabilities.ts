import type { IsolationLevel } from '../../workflows/contract/isolation.js';

/** What a sandbox promises, and how that reads. */
export const PROMISES = {
  own_kernel: 'a kernel of its own between the agent and the host',
  non_root_user: 'everything inside runs as an unprivileged user',
  own_host_user: 'a user that nothing else of Rondo runs as',
  read_only_root: 'a root file system that cannot be written',
  no_capabilities: 'no capability, and none to be had',
  no_new_privileges: 'no setuid program gives a right',
  system_call_filter: "system calls that reach for the host kernel's wider surface are refused",
  no_new_namespaces: 'no further namespace of the host kernel',
  socket_families: 'no socket of a family that knows no network namespace (AF_VSOCK, AF_ALG, AF_PACKET, …)',
  no_network: 'no network but the guarded way out',
  way_out: 'the guarded way out, by the egress gateway',
  no_host_paths: 'no file of the host but what the session owns',
  no_engine_socket: "no way to the engine's socket",
  memory_limit: 'a limit for memory',
  out_of_memory_contained: 'running out of memory ends a program, not the sandbox',
  cpu_limit: 'a limit for processor time',
  process_limit: 'a limit for processes',
  disk_limit: 'a limit for the disk',
} as const;

export type PromiseName = keyof typeof PROMISES;

export type Capability = 'enforced' | { readonly missing: string };

/** One row: every promise is kept, or the reason why not is said. */
export type Capabilities = Readonly<Record<PromiseName, Capability>>;

/** What decides how much an engine can keep. */
export interface Ground {
  readonly isolation: IsolationLevel;
  readonly engine: 'docker' | 'bubblewrap';
  /** Whether the worker runs as root, and can give sandboxes a user of their own. */
  readonly asRoot: boolean;
  /** Limits that can be set here: control groups of the engine, or those delegated to the worker. */
  readonly limits: Readonly<Record<'memory' | 'cpu' | 'processes', boolean>>;
  /** Whether the engine takes a system call filter. */
  readonly filters: boolean;
  /** Whether programs inside reach sockets of the host that are shown to them. */
  readonly hostSockets: boolean;
}

/** What the sandboxes made on this ground keep of their promises. */
export function capabilitiesOf(ground: Ground): Capabilities {
  const { isolation, engine } = ground;
  const hasOwnKernel = isolation === 'gvisor' || isolation === 'microvm';
  const without = engine === 'docker' ? 'the Docker engine says that it cannot set one' : 'no control groups are delegated to the worker';
  const limit = (name: keyof Ground['limits']): Capability => (ground.limits[name] ? 'enforced' : { missing: without });
  const filtered = filter(ground);
  return {
    own_kernel: hasOwnKernel ? 'enforced' : { missing: "programs talk to the host's kernel, through the filter of system calls" },
    non_root_user: 'enforced',
    own_host_user: ground.asRoot ? 'enforced' : { missing: 'the worker is not root, so sandboxes run under its user, cut off by namespaces alone' },
    read_only_root: 'enforced',
    no_capabilities: 'enforced',
    no_new_privileges: 'enforced',
    system_call_filter: filtered,
    no_new_namespaces: hasOwnKernel ? 'enforced' : filtered,
    socket_families: isolation === 'gvisor' ? 'enforced' : filtered,
    no_network: 'enforced',
    way_out: wayOut(ground),
    no_host_paths: 'enforced',
    no_engine_socket: 'enforced',
    memory_limit: limit('memory'),
    out_of_memory_contained: contained(ground),
    cpu_limit: limit('cpu'),
    // Where there are no control groups, the count of processes is held back per user namespace.
    process_limit: engine === 'bubblewrap' || isolation === 'gvisor' ? 'enforced' : limit('processes'),
    disk_limit: 'enforced',
  };
}

function filter({ isolation, filters }: Ground): Capability {
  if (isolation === 'microvm') return { missing: 'Kata runs no filter inside its machine, unless disable_guest_seccomp is false in its configuration' };
  return filters || isolation === 'gvisor' ? 'enforced' : { missing: 'the Docker engine was built without seccomp' };
}

function wayOut({ isolation, hostSockets }: Ground): Capability {
  if (hostSockets) return 'enforced';
  if (isolation === 'microvm') return { missing: "no socket of the host is reached from a virtual machine's shared folder, so there is no network at all" };
  return { missing: 'the runtime is registered without --host-uds=open, so there is no network at all' };
}

function contained({ isolation, limits }: Ground): Capability {
  if (isolation === 'gvisor') return { missing: 'gVisor ends as a whole; the sandbox is replaced on the same workspace, and the model is told' };
  return limits.memory ? 'enforced' : { missing: 'there is no limit for memory' };
}

/** The promises that are not kept, with the reasons. */
export const missingOf = (capabilities: Capabilities): Partial<Record<PromiseName, string>> =>
  Object.fromEntries(Object.entries(capabilities).flatMap(([name, capability]) => (capability === 'enforced' ? [] : [[name, capability.missing]])));
