import * as fs from 'node:fs/promises';
import path from 'node:path';
import { RondoError } from '../../workflows/contract/errors.js';
import type { SandboxDirectories } from './session-directories.js';

/** What a member of the pool is called; its id is read from it. */
export const memberName = (installation: string, id: string): string => `rondo-${installation}-pool-${id}`;

/** Undefined for a sandbox that was made for its session. */
export const memberIdOf = (name: string): string | undefined => /^rondo-[^-]+-pool-([0-9A-Z]{26})$/.exec(name)?.[1];

/** Everything of a member on its host until it is a session's. */
export const memberFolder = (home: string, id: string): string => path.join(home, 'pool', id);

export const memberDirectories = (home: string, id: string): SandboxDirectories => ({
  workspaceDirectory: path.join(memberFolder(home, id), 'workspace'),
  mountsDirectory: path.join(memberFolder(home, id), 'mnt'),
  journalDirectory: path.join(memberFolder(home, id), 'journal'),
  egressDirectory: path.join(memberFolder(home, id), 'egress'),
});

/**
 * Puts a claimed member's directories in the place of the session's: a bind mount stays with its directory, so what the session
 * had is moved into it, then it is renamed. Safe to repeat after a crash at any line: what has gone over is not there any more, and
 * nothing is ever removed. Nothing of the session may run meanwhile, and only one may do it.
 */
export async function placeMember(home: string, id: string, places: SandboxDirectories): Promise<void> {
  const own = memberDirectories(home, id);
  for (const name of ['workspaceDirectory', 'mountsDirectory', 'journalDirectory', 'egressDirectory'] as const) await takePlace(own[name], places[name]);
  await fs.rmdir(memberFolder(home, id)).catch(unlessGone);
}

/** A directory in which something appears as often as this is not the session's alone. */
const MAXIMUM_ROUNDS = 5;

async function takePlace(from: string, to: string): Promise<void> {
  if (!(await isDirectory(from))) return;
  await fs.mkdir(path.dirname(to), { recursive: true, mode: 0o700 });
  for (let round = 0; round < MAXIMUM_ROUNDS; round += 1) {
    await moveContents(to, from);
    try {
      return await fs.rename(from, to);
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  throw new RondoError('sandbox.failed', `${to} is written to by something else, so no sandbox can take it over.`);
}

/** Entry by entry, each by its name in directories that stay where they are: no link is followed. Mode and time go with them. */
async function moveContents(from: string, to: string): Promise<void> {
  const before = await fs.lstat(from).catch(unlessGone);
  if (!before) return;
  if (!before.isDirectory()) throw new RondoError('sandbox.failed', `${from} is not a directory; remove it and try again.`);
  // The agent may have locked its own directory, and only root is let in all the same.
  if ((before.mode & 0o700) !== 0o700) await fs.chmod(from, before.mode | 0o700);
  for (const name of await fs.readdir(from, { encoding: 'buffer' })) await moveEntry(within(from, name), within(to, name));
  await fs.chmod(to, before.mode & 0o7777);
  await fs.utimes(to, before.atime, before.mtime);
}

async function moveEntry(from: Buffer, to: Buffer): Promise<void> {
  try {
    await fs.rename(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    const stat = code === 'EACCES' ? await fs.lstat(from) : undefined;
    if (!stat?.isDirectory()) throw error;
    // Anyone but root needs the right to write into a directory to give it another parent.
    await fs.chmod(from, 0o700);
    await fs.rename(from, to);
    await fs.chmod(to, stat.mode & 0o7777);
  }
}

const within = (directory: string, name: Buffer): Buffer => Buffer.concat([Buffer.from(`${directory}/`), name]);

const isDirectory = async (file: string): Promise<boolean> => (await fs.lstat(file).catch(unlessGone))?.isDirectory() === true;

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
