import { ALLOWED_CALLS, NEW_NAMESPACES, PERSONALITIES, SOCKET_FAMILIES } from './system-call-policy.js';

const ENOSYS = 38;

type Operator = 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ';

interface Rule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly { readonly index: number; readonly value: number; readonly valueTwo?: number; readonly op: Operator }[];
}

/**
 * The policy of system-call-policy.ts as a container engine takes it: a JSON document, compiled for the engine's own processor.
 * What is not named gives EPERM. Requests to a terminal are not looked at: a container has none.
 */
export function seccompProfile(): string {
  const syscalls: Rule[] = [
    { names: [...ALLOWED_CALLS.map(({ name }) => name), 'ioctl'], action: 'SCMP_ACT_ALLOW' },
    // Calls that only processors of other kinds need to run any program.
    { names: ['sync_file_range2', 'riscv_flush_icache', 'riscv_hwprobe'], action: 'SCMP_ACT_ALLOW' },
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    { names: ['clone'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: NEW_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }] },
    ...oneOf(['socket', 'socketpair'], SOCKET_FAMILIES),
    ...oneOf(['personality'], PERSONALITIES),
  ];
  return JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', syscalls });
}

const oneOf = (names: readonly string[], values: readonly number[]): Rule[] =>
  values.map((value) => ({ names, action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }] }));
