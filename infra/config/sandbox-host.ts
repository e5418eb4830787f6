import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Config } from './config.js';

const MEMORY_OF_ONE = 128 * 1024 * 1024;
const FEWEST = 8;

/** A host of sandboxes, as a worker knows the one it serves. */
export interface SandboxHost {
  readonly id: string;
  readonly taskQueue: string;
  /** Sandboxes of sessions that it takes. */
  readonly capacity: number;
  /** Its data folder, whatever path that has: a name that is kept in it. */
  readonly folder: string;
  /** That folder on the machine that runs now: the same for all processes there, and another one for every copy. */
  readonly place: string;
}

/** The host that a worker with this configuration serves. */
export async function sandboxHost({ sandbox, paths, temporal }: Pick<Config, 'sandbox' | 'paths' | 'temporal'>): Promise<SandboxHost> {
  const { home } = paths;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const id = sandbox.hostId ?? (await nameKeptIn(home, 'host-id'));
  const folder = await nameKeptIn(home, 'folder-id');
  const capacity = sandbox.capacity ?? Math.max(FEWEST, Math.floor(totalmem() / MEMORY_OF_ONE));
  return { id, taskQueue: `${temporal.taskQueue}-host-${id}`, capacity, folder, place: placeOf({ folder, ...(await positionOf(home)) }) };
}

/**
 * Two folders that live at the same time never have the same: names in a folder are copied with it, but a copy on the same machine is
 * another directory, and a machine that was cloned has started by itself.
 */
export const placeOf = (position: { readonly folder: string; readonly boot: string; readonly device: bigint; readonly inode: bigint }): string =>
  createHash('sha256').update([position.folder, position.boot, position.device, position.inode].join('\n')).digest('hex').slice(0, 32);

/**
 * Makes a copy of a data folder another one for good, so that nobody ever takes its files for those of the original. Whichever processes do it at one place, and however
 * often, come to the same.
 */
export async function becomeAnotherFolder(home: string, { place }: Pick<SandboxHost, 'place'>): Promise<void> {
  const draft = join(home, `folder-id.${randomUUID()}`);
  await writeFile(draft, place, { mode: 0o600 });
  await rename(draft, join(home, 'folder-id'));
}

/** Containers of one machine see the same: its kernel, and the directory that is mounted into all of them. */
async function positionOf(home: string) {
  const { dev, ino } = await stat(home, { bigint: true });
  return { boot: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(), device: dev, inode: ino };
}

/** Made once for a data folder and kept in it: two machines may well have theirs at the same path, and one machine may change its name. */
async function nameKeptIn(home: string, name: string): Promise<string> {
  const file = join(home, name);
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, randomUUID().slice(0, 13), { mode: 0o600 });
  // Whichever process is first gives the name; all then read the same.
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft);
  return (await readFile(file, 'utf8')).trim();
}
