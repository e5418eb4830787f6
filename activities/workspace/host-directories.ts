import { execFile } from 'node:child_process';
import { lstat, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { makeSandboxDirectory, type SandboxUser } from '../sandbox/sandbox-user.js';
import type { Trees } from './scan.js';

/**
 * What this host's directories of a session hold. It lies outside of them, where no sandbox writes.
 * `holds`: checkpoints that they are, or go on from (`''`: none); more than one while it is not known which of them was kept.
 * `usedBy`: the sandbox generation that may have written there since; `null` when none has. `folder`: the data folder that they are in, which a copy of it is not.
 */
const Mark = z.object({ holds: z.array(z.string()), usedBy: z.int().nullable(), folder: z.string().optional() });
export type Mark = Omit<z.infer<typeof Mark>, 'folder'>;

/** What a copy holds is a checkpoint at best: nobody knows what that generation has written in the original since. */
const NOTHING_KNOWN: Mark = { holds: [], usedBy: null };

/** Everything a session has on this host, under the data folder, whose id is `folder`; all of it in directories that only the host can write. */
export function hostDirectories(home: string, sessionId: string, folder?: string) {
  const workspace = join(home, 'workspaces', sessionId);
  const mounts = join(home, 'mounts', sessionId);
  const mark = join(home, 'workspaces', `${sessionId}.checkpoint`);
  /** Beside a directory, for what is to take its place and what has left it. No session id begins with a dot. */
  const beside = (directory: string, what: 'new' | 'old') => join(dirname(directory), `.${sessionId}.${what}`);
  const trees: Trees = { workspace, mnt: mounts };

  return {
    /** As they are named in manifests. */
    trees,

    /** Nothing when there is no mark, or none that can be read. */
    async readMark(): Promise<Mark | undefined> {
      try {
        const { folder: markedIn = folder, ...read } = Mark.parse(JSON.parse(await readFile(mark, 'utf8')));
        return markedIn === folder || read.usedBy === null ? read : NOTHING_KNOWN;
      } catch {
        return undefined;
      }
    },

    async writeMark(content: Mark): Promise<void> {
      await mkdir(dirname(mark), { recursive: true, mode: 0o700 });
      const file = await open(`${mark}.new`, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify({ ...content, folder }));
      } finally {
        await file.close();
      }
      await rename(`${mark}.new`, mark);
    },

    exists: async (): Promise<boolean> => (await lstat(workspace).catch(() => undefined))?.isDirectory() === true,

    /**
     * Puts new directories in the place of those that are there, made by `fill`, or empty. Whatever happens on the way, there
     * is no mark until all is in its place, so that it is done again.
     */
    async replace(user: SandboxUser, fill: (trees: Trees) => Promise<void>): Promise<void> {
      const fresh: Trees = { workspace: beside(workspace, 'new'), mnt: beside(mounts, 'new') };
      for (const directory of Object.values(fresh)) {
        await removeTree(directory);
        await makeSandboxDirectory(directory, user);
      }
      await fill(fresh);
      await rm(mark, { force: true });
      for (const [name, directory] of Object.entries(trees)) {
        const old = beside(directory, 'old');
        await removeTree(old);
        await rename(directory, old).catch(unlessMissing);
        await rename(fresh[name] ?? '', directory);
        await removeTree(old);
      }
    },

    /** Takes everything of the session from this host. */
    async remove(): Promise<void> {
      await rm(mark, { force: true });
      for (const directory of Object.values(trees)) for (const path of [directory, beside(directory, 'new'), beside(directory, 'old')]) await removeTree(path);
      await removeTree(join(home, 'sandboxes', sessionId));
    },
  };
}

/** Ids of the sessions that have a directory on this host. */
export async function sessionsWithDirectories(home: string): Promise<string[]> {
  const names = await Promise.all(['workspaces', 'mounts', 'sandboxes'].map((folder) => readdir(join(home, folder)).catch(() => [])));
  // Also what only half of it is there of: a mark, or directories that were to take the place of others.
  return [...new Set(names.flat().flatMap((name) => /^\.?(sesn_[0-9A-Za-z]+)(\.(new|old|checkpoint|checkpoint\.new))?$/.exec(name)?.[1] ?? []))];
}

const run = promisify(execFile);

/** Removes what a sandbox has left behind: however deep, and whatever its modes are. Nothing may run in it. */
export async function removeTree(directory: string): Promise<void> {
  if (!(await lstat(directory).catch(() => undefined))) return;
  // Anyone but root is kept out by directories without permissions, though they are their own.
  if (process.geteuid?.() !== 0) await run('chmod', ['-R', 'u+rwX', '--', directory]).catch(() => undefined);
  await run('rm', ['-rf', '--one-file-system', '--', directory]);
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
