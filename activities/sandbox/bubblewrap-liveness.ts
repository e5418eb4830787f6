import * as fs from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { stateFiles } from './bubblewrap-launch.js';

const Info = z.object({ 'child-pid': z.number().int().min(2), 'pid-namespace': z.number().int() });

const GONE_TIMEOUT_MS = 10_000;

/**
 * Host process id of the sandbox's PID 1 while it lives. A process id alone can have been given to somebody else
 * meanwhile; together with the number of its pid namespace, within one boot of the host, it cannot.
 */
export async function initProcess(directory: string): Promise<number | undefined> {
  const files = stateFiles(directory);
  const record = await readLaunch(directory);
  if (record === undefined || record.boot !== (await bootId())) return undefined;
  const text = await fs.readFile(files.info, 'utf8').catch(() => '');
  if (!text.includes('}')) return undefined;
  const { 'child-pid': pid, 'pid-namespace': namespace } = Info.parse(JSON.parse(text));
  const actual = await fs.readlink(`/proc/${pid}/ns/pid`).catch(() => undefined);
  return actual === `pid:[${namespace}]` && (await statOf(pid)) !== undefined ? pid : undefined;
}

/** Whether somebody has begun to launch this sandbox, and whether that process is still there. */
export async function launchState(directory: string): Promise<'none' | 'alive' | 'ended'> {
  const record = await readLaunch(directory);
  if (record === undefined) return 'none';
  return (await launcherProcess(directory)) === undefined ? 'ended' : 'alive';
}

/** Kills the sandbox and waits until nothing of it is left. */
export async function killSandbox(directory: string): Promise<void> {
  // The end of its PID 1 is the end of every process in a pid namespace, and bubblewrap outside ends after it.
  const target = (await initProcess(directory)) ?? (await launcherProcess(directory));
  if (target !== undefined) kill(target);
  const until = Date.now() + GONE_TIMEOUT_MS;
  while ((await initProcess(directory)) !== undefined || (await launcherProcess(directory)) !== undefined) {
    if (Date.now() > until) throw new Error(`process ${target} does not end`);
    await delay(5);
  }
}

async function launcherProcess(directory: string): Promise<number | undefined> {
  const record = await readLaunch(directory);
  if (record === undefined || record.boot !== (await bootId())) return undefined;
  return (await statOf(record.pid))?.[19] === record.start ? record.pid : undefined;
}

/** Fields of /proc/<pid>/stat from the state on; undefined when the process has ended, even if nobody has reaped it. */
async function statOf(pid: number): Promise<string[] | undefined> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? undefined : fields;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ended in between
  }
}

async function readLaunch(directory: string): Promise<{ pid: number; start: string; boot: string } | undefined> {
  const text = await fs.readFile(stateFiles(directory).launched, 'utf8').catch(() => '');
  const [pid, start, boot] = text.trim().split(' ');
  return pid === undefined || start === undefined || boot === undefined ? undefined : { pid: Number(pid), start, boot };
}

const bootId = async (): Promise<string> => (await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
