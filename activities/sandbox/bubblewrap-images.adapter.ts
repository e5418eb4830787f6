import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { RondoError } from '../../workflows/contract/errors.js';
import { removeTree } from '../workspace/host-directories.js';
import { stateFiles } from './bubblewrap-launch.js';
import type { BuildConfiguration } from './build-configuration.js';
import { dropSetuid, planBuild } from './build-plan.js';
import { createBuildRoom } from './build-room.js';
import { type PackageImages, UNUSED_KEPT_MS } from './package-image.js';

export interface BubblewrapImagesOptions {
  readonly bwrap: string;
  /** The root file system that they are made of. */
  readonly rootfs: string;
  /** Holds them, one folder each. */
  readonly imagesDirectory: string;
  /** Of the provider: what its sandboxes are made of is not removed. */
  readonly stateDirectory: string;
  readonly installation: string;
  readonly configuration: BuildConfiguration;
}

/** Folders that begin so belong to a build, or are on their way out. */
const UNFINISHED = '.';
/** Older than any build can be. */
const ABANDONED_MS = 30 * 60_000;

/** The folder of an image. Errors: `internal` for what can be no name. */
export function rootOf(imagesDirectory: string, image: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(image)) throw new RondoError('internal', `${JSON.stringify(image)} cannot be the name of an image.`);
  return path.join(imagesDirectory, image);
}

/** Images as root file systems: copies of the plain one, in which the packages are installed by bubblewrap. Needs root. */
export function createBubblewrapImages(options: BubblewrapImagesOptions): PackageImages {
  const { rootfs, imagesDirectory } = options;

  /** Another root file system at the same place, or one that was changed, is told by its list of packages. */
  const identify = async (): Promise<string> => {
    const status = await fs.stat(path.join(rootfs, 'var/lib/dpkg/status')).catch(() => undefined);
    return createHash('sha256')
      .update(`${await fs.realpath(rootfs)} ${status?.mtimeMs ?? 0} ${status?.size ?? 0}`)
      .digest('hex')
      .slice(0, 12);
  };

  const inUse = async (): Promise<ReadonlySet<string>> => {
    const state = path.join(options.stateDirectory, options.installation);
    const names = await fs.readdir(state).catch(() => []);
    return new Set(await Promise.all(names.map((name) => fs.readFile(stateFiles(path.join(state, name)).image, 'utf8').catch(() => ''))));
  };

  /** Under another name first, so that nobody takes what is half gone. */
  const remove = async (name: string): Promise<void> => {
    const leaving = path.join(imagesDirectory, `${UNFINISHED}${randomBytes(8).toString('hex')}`);
    await fs.rename(path.join(imagesDirectory, name), leaving);
    await removeTree(leaving);
  };

  /** A copy has the time of what it is made of until it is whole; then it is when it was last asked for. */
  const isOld = async (name: string): Promise<boolean> => {
    const stat = await fs.lstat(path.join(imagesDirectory, name)).catch(() => undefined);
    if (stat === undefined) return false;
    return name.startsWith(UNFINISHED) ? Date.now() - stat.ctimeMs > ABANDONED_MS : Date.now() - stat.mtimeMs > UNUSED_KEPT_MS;
  };

  return {
    nameOf: async (packagesHash) => `packages-${await identify()}-${packagesHash.slice(0, 12)}`,

    async exists(image) {
      return await touch(rootOf(imagesDirectory, image)).then(
        () => true,
        () => false,
      );
    },

    async build(image, packages, signal) {
      const { fetch, install } = planBuild(packages);
      const root = path.join(imagesDirectory, `${UNFINISHED}${randomBytes(8).toString('hex')}`);
      await fs.mkdir(imagesDirectory, { recursive: true, mode: 0o700 });
      try {
        // No hard links: package managers write into files that are there.
        await run('cp', ['-a', '--reflink=auto', rootfs, root], signal);
        const room = await createBuildRoom({ ...options, root });
        try {
          for (const step of fetch) await room.run(step, 'network', signal);
          for (const step of install) await room.run(step, 'alone', signal);
        } finally {
          await room.close();
        }
        const [program = '', ...words] = dropSetuid(root).words;
        await run(program, words, signal);
        await touch(root);
        await fs.rename(root, rootOf(imagesDirectory, image)).catch((error: NodeJS.ErrnoException) => {
          // Somebody else has made it meanwhile.
          if (!['ENOTEMPTY', 'EEXIST'].includes(error.code ?? '')) throw error;
        });
      } catch (cause) {
        if (cause instanceof RondoError) throw cause;
        throw new RondoError('sandbox.failed', `The root file system ${image} could not be made: ${cause instanceof Error ? cause.message : String(cause)}`, {
          cause,
        });
      } finally {
        await removeTree(root);
      }
    },

    async removeUnused(wanted) {
      const removed = [];
      const used = await inUse();
      for (const name of await fs.readdir(imagesDirectory).catch(() => [])) {
        if (wanted.has(name) || used.has(name) || !(await isOld(name))) continue;
        await remove(name);
        removed.push(name);
      }
      return removed;
    },
  };
}

const touch = (directory: string): Promise<void> => fs.utimes(directory, new Date(), new Date());

const run = (program: string, words: readonly string[], signal: AbortSignal) => promisify(execFile)(program, words, { signal });
