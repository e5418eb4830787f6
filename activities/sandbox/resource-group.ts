import * as fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** What a group of processes may use together. */
export interface ResourceLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly processes: number;
}

export interface ResourceGroups {
  /** Makes the group; a process joins by writing its id into each of the files that are returned. */
  create(name: string, limits: ResourceLimits): Promise<string[]>;
  /** Kills every process of the group and removes it. A group that does not exist is success. */
  destroy(name: string): Promise<void>;
}

const ROOT = '/sys/fs/cgroup';
const PARENT = 'rondo';
const PERIOD_US = 100_000;

/** Control groups of this host, version 1 or 2; undefined where this process may not make any. */
export async function openResourceGroups(): Promise<ResourceGroups | undefined> {
  const unified = await fs.access(`${ROOT}/cgroup.controllers`).then(
    () => true,
    () => false,
  );
  const parents = unified ? [`${ROOT}/${PARENT}`] : ['memory', 'pids', 'cpu'].map((controller) => `${ROOT}/${controller}/${PARENT}`);
  try {
    for (const parent of parents) {
      await fs.mkdir(parent, { recursive: true });
      await fs.access(parent, fs.constants.W_OK);
    }
    if (unified) {
      for (const directory of [ROOT, ...parents]) await fs.writeFile(`${directory}/cgroup.subtree_control`, '+memory +pids +cpu');
    }
  } catch {
    return undefined;
  }
  const directories = (name: string) => parents.map((parent) => path.join(parent, name));

  return {
    async create(name, limits) {
      for (const directory of directories(name)) {
        await fs.mkdir(directory, { recursive: true });
        for (const [file, value, optional] of unified ? unifiedLimits(limits) : legacyLimits(limits, directory)) {
          await fs.writeFile(path.join(directory, file), value).catch((error: unknown) => {
            if (optional !== 'optional') throw error;
          });
        }
      }
      return directories(name).map((directory) => path.join(directory, 'cgroup.procs'));
    },
    async destroy(name) {
      for (const directory of directories(name)) await empty(directory);
    },
  };
}

type Setting = readonly [file: string, value: string, optional?: 'optional'];

// Swap is accounted for on some kernels only.
const unifiedLimits = ({ memoryBytes, cpus, processes }: ResourceLimits): Setting[] => [
  ['memory.max', String(memoryBytes)],
  ['memory.swap.max', '0', 'optional'],
  ['pids.max', String(processes)],
  ['cpu.max', `${Math.round(cpus * PERIOD_US)} ${PERIOD_US}`],
];

function legacyLimits({ memoryBytes, cpus, processes }: ResourceLimits, directory: string): Setting[] {
  if (directory.startsWith(`${ROOT}/memory/`)) {
    return [
      ['memory.limit_in_bytes', String(memoryBytes)],
      ['memory.memsw.limit_in_bytes', String(memoryBytes), 'optional'],
    ];
  }
  if (directory.startsWith(`${ROOT}/pids/`)) return [['pids.max', String(processes)]];
  return [
    ['cpu.cfs_period_us', String(PERIOD_US)],
    ['cpu.cfs_quota_us', String(Math.round(cpus * PERIOD_US))],
  ];
}

async function empty(directory: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const members = await fs.readFile(path.join(directory, 'cgroup.procs'), 'utf8').catch(() => undefined);
    if (members === undefined) return;
    for (const pid of members.split('\n').filter(Boolean).map(Number)) {
      // 0 stands for a process of another pid namespace, which cannot be named from here.
      if (pid > 0) killIfAlive(pid);
    }
    try {
      return await fs.rmdir(directory);
    } catch {
      await delay(10);
    }
  }
  throw new Error(`processes in ${directory} do not end`);
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ended in between
  }
}
