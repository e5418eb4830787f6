import { readdirSync, readFileSync } from 'node:fs';

const KILOBYTE = 1_024;
const MEGABYTE = 1e6;

/** Memory of a number of processes in MB. */
export interface GroupMemory {
  readonly processes: number;
  /** Resident memory of each added up: what they share counts several times. */
  readonly rssMb: number;
  /** The same with what is shared divided among those who share it. */
  readonly pssMb: number;
}

/** All processes that belong to a mark: in a control group that has it in its path, with it in their command line, and their children. */
export function processesOf(mark: string): number[] {
  const all = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
  const parents = new Map(all.map((pid) => [pid, parentOf(pid)]));
  const marked = new Set(all.filter((pid) => pid !== process.pid && (read(pid, 'cgroup').includes(mark) || read(pid, 'cmdline').includes(mark))));
  const isWithin = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) if (marked.has(at)) return true;
    return false;
  };
  return all.filter(isWithin);
}

export function memoryOf(pids: readonly number[]): GroupMemory {
  const rollups = pids.map((pid) => read(pid, 'smaps_rollup')).filter((text) => text !== '');
  const sum = (field: string) => rollups.reduce((total, text) => total + Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0), 0);
  return { processes: rollups.length, rssMb: (sum('Rss') * KILOBYTE) / MEGABYTE, pssMb: (sum('Pss') * KILOBYTE) / MEGABYTE };
}

const parentOf = (pid: number): number | undefined => {
  const parent = /^PPid:\s+(\d+)/m.exec(read(pid, 'status'))?.[1];
  return parent === undefined ? undefined : Number(parent);
};

/** Empty for a process that has ended. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
