import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.js';

const SUPERVISOR = fileURLToPath(new URL('../../supervisor.mjs', import.meta.url));

/** Names the sandboxes of one data folder on an engine that others may use too. */
export const installationOf = (home: string): string => createHash('sha256').update(home).digest('hex').slice(0, 8);

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
