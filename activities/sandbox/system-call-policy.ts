import { SYSTEM_CALLS } from './system-calls.js';

/** Refused with EPERM: what reaches for the kernel's wider surface, and nothing a sandboxed program has a use for. */
const DENIED = new Set(
  `mount umount2 pivot_root chroot swapon swapoff quotactl quotactl_fd open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr
  acct reboot settimeofday clock_settime kexec_load kexec_file_load init_module finit_module delete_module iopl ioperm
  sethostname setdomainname syslog vhangup sysfs ustat modify_ldt add_key request_key keyctl
  bpf perf_event_open userfaultfd fanotify_init fanotify_mark open_by_handle_at name_to_handle_at kcmp
  io_uring_setup io_uring_enter io_uring_register setns unshare
  mbind set_mempolicy get_mempolicy set_mempolicy_home_node migrate_pages move_pages`.split(/\s+/),
);

/** Allowed for some values of an argument only; `clone3` hides its flags from every filter, so programs are sent back to `clone`. */
const CONDITIONAL = new Set(['clone', 'clone3', 'ioctl', 'socket', 'socketpair', 'personality']);

/** Allowed whatever the arguments. */
export const ALLOWED_CALLS = SYSTEM_CALLS.filter(({ name }) => !DENIED.has(name) && !CONDITIONAL.has(name));

/** Flags of `clone` that make a namespace: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
export const NEW_NAMESPACES = 0x7e020000;

/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Others, AF_VSOCK first, know no network namespace or are little used kernel code. */
export const SOCKET_FAMILIES = [1, 2, 10, 16];

/** Linux, its 32-bit and its old-version faces, and the question which one it is. */
export const PERSONALITIES = [0, 8, 0x20000, 0x20008, 0xffffffff];

/** Typing into the terminal one was started from. */
export const TERMINAL_REQUESTS = { TIOCSTI: 0x5412, TIOCLINUX: 0x541c };
