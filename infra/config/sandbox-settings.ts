import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.js';

const SUPERVISOR = fileURLToPath(new URL('../../supervisor.mjs', import.meta.url));

/** Names the sandboxes of one data folder on an engine that others may use too. */
export const installationOf = (home: string): string => createHash('sha256').update(home).digest('hex').slice(0, 8);

const MEMORY_OF_ONE = 128 * 1024 * 1024;
const FEWEST = 8;

/** The host that a worker with this configuration serves, and how many sandboxes of sessions it takes. */
export async function sandboxHost({ sandbox, paths, temporal }: Config) {
  const id = sandbox.hostId ?? (await ownHostId(paths.home));
  const capacity = sandbox.capacity ?? Math.max(FEWEST, Math.floor(totalmem() / MEMORY_OF_ONE));
  return { id, taskQueue: `${temporal.taskQueue}-host-${id}`, capacity };
}

/** Made once for a data folder and kept in it: two machines may well have theirs at the same path, and one machine may change its name. */
async function ownHostId(home: string): Promise<string> {
  const file = join(home, 'host-id');
  const draft = `${file}.${randomUUID()}`;
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(draft, randomUUID().slice(0, 13), { mode: 0o600 });
  // Whichever process is first gives the name; all then read the same.
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft);
  return (await readFile(file, 'utf8')).trim();
}

/** Where the sandboxes of this installation are made and found. The supervisor's bundle lies in the build. */
export const sandboxSettings = ({ sandbox, paths }: Config) => ({
  engine: sandbox.engine,
  runtime: sandbox.runtime,
  minimumIsolation: sandbox.minimumIsolation,
  image: sandbox.image,
  rootfs: sandbox.rootfs,
  dockerHost: sandbox.dockerHost,
  bwrap: sandbox.bwrapPath,
  installation: installationOf(paths.home),
  home: paths.home,
  supervisorBundle: SUPERVISOR,
  nodeBinary: process.execPath,
});

/** Tells what sandboxes are made of now from what it was before: a sandbox of another build is not the same. */
export const sandboxBuild = async ({ sandbox }: Config): Promise<string> =>
  createHash('sha256')
    .update(await readFile(SUPERVISOR))
    .update(JSON.stringify([process.version, sandbox.image, sandbox.rootfs ?? null]))
    .digest('hex');
