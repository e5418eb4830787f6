import { ALLOWED_CALLS, NEW_NAMESPACES, PERSONALITIES, SOCKET_FAMILIES, TERMINAL_REQUESTS } from './system-call-policy.js';
import { SYSTEM_CALLS } from './system-calls.js';

/**
 * The policy of system-call-policy.ts as a program for the kernel, for sandboxes without an engine that compiles one.
 * Namespaces are the wall; this shrinks the door in it.
 */
interface Architecture {
  readonly audit: number;
  /** System call numbers from here on belong to another ABI of the same processor. */
  readonly foreignFrom: number | undefined;
}

const ARCHITECTURES: Readonly<Record<'x64' | 'arm64', Architecture>> = {
  x64: { audit: 0xc000003e, foreignFrom: 0x40000000 },
  arm64: { audit: 0xc00000b7, foreignFrom: undefined },
};

const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER = 0x25;
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

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

/** The compiled filter for this processor as bubblewrap's `--seccomp` reads it; undefined for an unknown processor. */
export function seccompFilter(processor: string): Buffer | undefined {
  if (processor !== 'x64' && processor !== 'arm64') return undefined;
  const { audit, foreignFrom } = ARCHITECTURES[processor];
  const numberOf = (name: string) => SYSTEM_CALLS.find((call) => call.name === name)?.[processor];
  const when = (name: string, offset: number, checks: readonly Instruction[]) => {
    const number = numberOf(name);
    return number === undefined ? [] : onCall(number, offset, [...checks, [RETURN, 0, 0, ALLOW]]);
  };
  const allowed = ranges(ALLOWED_CALLS.flatMap((call) => call[processor] ?? []));
  const newest = Math.max(...SYSTEM_CALLS.flatMap((call) => call[processor] ?? []));
  const { TIOCSTI, TIOCLINUX } = TERMINAL_REQUESTS;
  const program: Instruction[] = [
    [LOAD_WORD, 0, 0, ARCHITECTURE],
    [JUMP_EQUAL, 1, 0, audit],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD_WORD, 0, 0, NUMBER],
    ...(foreignFrom === undefined ? [] : [...returnIf(JUMP_GREATER_EQUAL, foreignFrom, EPERM)]),
    // What is newer than the table does not exist, as on an older kernel: programs know how to do without.
    ...returnIf(JUMP_GREATER, newest, ENOSYS),
    ...returnIf(JUMP_EQUAL, numberOf('clone3') ?? newest, ENOSYS),
    ...allowed.flatMap(([first, last]) => returnWithin(first, last)),
    ...when('clone', FIRST_ARGUMENT, returnIf(JUMP_ANY_BIT, NEW_NAMESPACES, EPERM)),
    ...when('ioctl', SECOND_ARGUMENT, [...returnIf(JUMP_EQUAL, TIOCSTI, EPERM), ...returnIf(JUMP_EQUAL, TIOCLINUX, EPERM)]),
    ...when('personality', FIRST_ARGUMENT, returnUnlessOneOf(PERSONALITIES, EPERM)),
    ...['socket', 'socketpair'].flatMap((name) => when(name, FIRST_ARGUMENT, returnUnlessOneOf(SOCKET_FAMILIES, EAFNOSUPPORT))),
    [RETURN, 0, 0, EPERM],
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

/** Neighbouring numbers as pairs of first and last. */
function ranges(numbers: readonly number[]): [first: number, last: number][] {
  const found: [number, number][] = [];
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const current = found.at(-1);
    if (current !== undefined && current[1] === number - 1) current[1] = number;
    else found.push([number, number]);
  }
  return found;
}

const returnIf = (test: number, operand: number, value: number): Instruction[] => [
  [test, 0, 1, operand],
  [RETURN, 0, 0, value],
];

const returnWithin = (first: number, last: number): Instruction[] => [
  [JUMP_GREATER_EQUAL, 0, 2, first],
  [JUMP_GREATER, 1, 0, last],
  [RETURN, 0, 0, ALLOW],
];

/** Falls through to the next check when the value is one of them. */
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
