import * as fs from 'node:fs/promises';
import { RondoError } from '../../workflows/contract/errors.js';

/** Who the sandbox is on the host. */
export interface SandboxUser {
  readonly uid: number;
  readonly gid: number;
}

/** The user that images are built with. */
export const AGENT_USER: SandboxUser = { uid: 10001, gid: 10001 };

/**
 * Root gives sandboxes a user of their own. Anyone else can only give away what is theirs: the sandbox then runs
 * under the worker's uid, cut off by its namespaces alone.
 */
export function sandboxUser(): SandboxUser {
  const uid = process.geteuid?.() ?? AGENT_USER.uid;
  return uid === 0 ? AGENT_USER : { uid, gid: process.getegid?.() ?? AGENT_USER.gid };
}

/**
 * Makes a directory for the sandbox to own, in a parent that only the host can write: so its name cannot be
 * exchanged for a link. What is inside is never looked at.
 */
export async function makeSandboxDirectory(directory: string, user: SandboxUser): Promise<void> {
  await fs.mkdir(directory, { recursive: true, mode: 0o700 });
  const stat = await fs.lstat(directory);
  if (!stat.isDirectory()) throw new RondoError('sandbox.failed', `${directory} is not a directory; remove it and try again.`);
  if (stat.uid !== user.uid) {
    await fs.lchown(directory, user.uid, user.gid);
    await fs.chmod(directory, 0o700);
  }
}
