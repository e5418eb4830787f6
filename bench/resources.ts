import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;
const MEGABYTE_IN_KILOBYTES = 1_000;

/** Memory and processor time of a process. Linux. */
export interface Usage {
  /** Resident memory in MB. */
  readonly rssMb: number;
  /** Processor time since the process began, in milliseconds. */
  readonly cpuMs: number;
}

/** What a process uses now; with `children`, its direct children too (Postgres works in them). */
export function usageOf(pid: number, options: { readonly children?: boolean } = {}): Usage {
  const pids = options.children ? [pid, ...childrenOf(pid)] : [pid];
  const all = pids.flatMap((one) => {
    try {
      return [readUsage(one)];
    } catch (error) {
      if (one === pid) throw new Error(`Process ${pid} does not run any more.`, { cause: error });
      return [];
    }
  });
  return { rssMb: sum(all.map(({ rssMb }) => rssMb)), cpuMs: sum(all.map(({ cpuMs }) => cpuMs)) };
}

function readUsage(pid: number): Usage {
  // Behind the name, which may hold anything: state is the first field, user and system time are the 12th and 13th.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { rssMb: megabytesOf(pid, 'VmRSS'), cpuMs: (ticks * 1_000) / TICKS_PER_SECOND };
}

/** The most resident memory that a process ever had, in MB. */
export const highestMemoryOf = (pid: number): number => megabytesOf(pid, 'VmHWM');

function megabytesOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kilobytes ?? 0) * 1.024) / MEGABYTE_IN_KILOBYTES;
}

const childrenOf = (pid: number): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid);

function parentOf(pid: number): number | undefined {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[1],
    );
  } catch {
    return undefined;
  }
}

/** The highest resident memory seen, in MB, of each of the processes, while `work` runs. */
export async function peakMemory<T>(pids: readonly number[], work: () => Promise<T>): Promise<{ result: T; peakMb: number[] }> {
  const peakMb = pids.map(() => 0);
  const look = () => {
    pids.forEach((pid, index) => {
      peakMb[index] = Math.max(peakMb[index] ?? 0, usageOf(pid).rssMb);
    });
  };
  look();
  const timer = setInterval(look, 500);
  try {
    return { result: await work(), peakMb };
  } finally {
    clearInterval(timer);
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
