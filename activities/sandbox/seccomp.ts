/**
 * A seccomp filter for sandboxes without an engine of their own: everything is allowed but the calls that reach for
 * the kernel's wider surface (mounts, modules, keys, tracing, new namespaces). Namespaces are the wall; this
 * shrinks the door in it.
 */
interface Architecture {
  readonly audit: number;
  readonly denied: readonly number[];
  readonly clone: number;
  readonly clone3: number;
  readonly ioctl: number;
  readonly socket: number;
  readonly socketpair: number;
  /** System call numbers from here on belong to another ABI of the same processor. */
  readonly foreignFrom: number | undefined;
}

/** Calls numbered alike on every architecture since Linux 5.1, and a few older ones of the generic table. */
const COMMON_DENIED = [
  425,
  426,
  427, // io_uring_setup, _enter, _register
  428,
  429,
  430,
  431,
  432,
  433, // open_tree, move_mount, fsopen, fsconfig, fsmount, fspick
  442,
  443, // mount_setattr, quotactl_fd
];

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x64: {
    audit: 0xc000003e,
    clone: 56,
    clone3: 435,
    ioctl: 16,
    socket: 41,
    socketpair: 53,
    foreignFrom: 0x40000000,
    denied: [
      155,
      163,
      164,
      165,
      166,
      167,
      168,
      169, // pivot_root, acct, settimeofday, mount, umount2, swapon, swapoff, reboot
      172,
      173,
      175,
      176,
      179,
      180,
      212, // iopl, ioperm, init_module, delete_module, quotactl, nfsservctl, lookup_dcookie
      227,
      246,
      248,
      249,
      250,
      272, // clock_settime, kexec_load, add_key, request_key, keyctl, unshare
      298,
      300,
      303,
      304,
      308,
      313, // perf_event_open, fanotify_init, name_to_handle_at, open_by_handle_at, setns, finit_module
      320,
      321,
      323,
      161, // kexec_file_load, bpf, userfaultfd, chroot
      ...COMMON_DENIED,
    ],
  },
  arm64: {
    audit: 0xc00000b7,
    clone: 220,
    clone3: 435,
    ioctl: 29,
    socket: 198,
    socketpair: 199,
    foreignFrom: undefined,
    denied: [
      18,
      39,
      40,
      41,
      51,
      60,
      89,
      97, // lookup_dcookie, umount2, mount, pivot_root, chroot, quotactl, acct, unshare
      104,
      105,
      106,
      112,
      142,
      170, // kexec_load, init_module, delete_module, clock_settime, reboot, settimeofday
      217,
      218,
      219,
      224,
      225,
      241, // add_key, request_key, keyctl, swapon, swapoff, perf_event_open
      262,
      264,
      265,
      268,
      273,
      280,
      282,
      294, // fanotify_init, name_to_handle_at, open_by_handle_at, setns, finit_module, bpf, userfaultfd, kexec_file_load
      ...COMMON_DENIED,
    ],
  },
};

const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER_EQUAL = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const EPERM = 0x00050000 | 1;
const ENOSYS = 0x00050000 | 38;
const EAFNOSUPPORT = 0x00050000 | 97;

/** Offsets in the kernel's seccomp_data; arguments are 64 bits wide, low word first. */
const NUMBER = 0;
const ARCHITECTURE = 4;
const FIRST_ARGUMENT = 16;
const SECOND_ARGUMENT = 24;

const NEW_NAMESPACES = 0x7e020000; // CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;

/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Others, AF_VSOCK first, know no network namespace or are little used kernel code. */
const SOCKET_FAMILIES = [1, 2, 10, 16];

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

/** The compiled filter for this processor as bubblewrap's `--seccomp` reads it; undefined for an unknown processor. */
export function seccompFilter(processor: string): Buffer | undefined {
  const architecture = ARCHITECTURES[processor];
  if (architecture === undefined) return undefined;
  const { audit, denied, clone, clone3, ioctl, socket, socketpair, foreignFrom } = architecture;
  const program: Instruction[] = [
    [LOAD_WORD, 0, 0, ARCHITECTURE],
    [JUMP_EQUAL, 1, 0, audit],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD_WORD, 0, 0, NUMBER],
    ...(foreignFrom === undefined ? [] : [...returnIf(JUMP_GREATER_EQUAL, foreignFrom, EPERM)]),
    // Programs fall back to clone, whose flags a filter can see.
    ...returnIf(JUMP_EQUAL, clone3, ENOSYS),
    ...denied.flatMap((number) => returnIf(JUMP_EQUAL, number, EPERM)),
    ...onCall(clone, FIRST_ARGUMENT, returnIf(JUMP_ANY_BIT, NEW_NAMESPACES, EPERM)),
    ...onCall(ioctl, SECOND_ARGUMENT, [...returnIf(JUMP_EQUAL, TIOCSTI, EPERM), ...returnIf(JUMP_EQUAL, TIOCLINUX, EPERM)]),
    ...[socket, socketpair].flatMap((number) => onCall(number, FIRST_ARGUMENT, returnUnlessOneOf(SOCKET_FAMILIES, EAFNOSUPPORT))),
    [RETURN, 0, 0, ALLOW],
  ];
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, ifTrue, ifFalse, operand], index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(operand >>> 0, index * 8 + 4);
  });
  return bytes;
}

const returnIf = (test: number, operand: number, value: number): Instruction[] => [
  [test, 0, 1, operand],
  [RETURN, 0, 0, value],
];

const returnUnlessOneOf = (operands: readonly number[], value: number): Instruction[] => [
  ...operands.map((operand, index): Instruction => [JUMP_EQUAL, operands.length - index, 0, operand]),
  [RETURN, 0, 0, value],
];

/** Checks one argument of one call, with the call's number loaded before and after. */
const onCall = (number: number, argument: number, checks: readonly Instruction[]): Instruction[] => [
  [JUMP_EQUAL, 0, checks.length + 2, number],
  [LOAD_WORD, 0, 0, argument],
  ...checks,
  [LOAD_WORD, 0, 0, NUMBER],
];
