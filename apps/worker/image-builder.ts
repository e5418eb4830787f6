import type { Logger } from 'pino';
import type { PackageImages } from '../../activities/sandbox/package-image.js';
import { claimImage, endImage, findPackages, imagesToBuild, imagesWanted, renewImage } from '../../infra/postgres/environment-images.repo.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { type Transaction, transaction } from '../../infra/postgres/transaction.js';
import type { PackageLists } from '../../workflows/contract/schema/packages.js';

export interface ImageBuilderDependencies {
  readonly pool: Pool;
  /** Whose images these are. */
  readonly imageHost: () => Promise<string>;
  /** The engine's, or why it can make none. */
  readonly packageImages: () => Promise<PackageImages | string>;
  /** Told of an image as soon as it can be used. */
  readonly onBuilt: (image: string) => Promise<void>;
  readonly redact: (text: string) => string;
  readonly log: Logger;
}

const MOST_AT_ONCE = 5;
const RENEW_EVERY_MS = 20_000;
const BUILD_TIMEOUT_MS = 20 * 60_000;
const CLEAN_EVERY_MS = 60 * 60_000;

/** One round: builds what environments ask for and this host has not, one after another. Any number of workers may do it. */
export function createImageBuilder(deps: ImageBuilderDependencies): () => Promise<void> {
  let cleanAt = performance.now() + CLEAN_EVERY_MS;
  return async () => {
    await buildImages(deps);
    if (performance.now() < cleanAt) return;
    cleanAt = performance.now() + CLEAN_EVERY_MS;
    await removeUnusedImages(deps);
  };
}

async function buildImages(deps: ImageBuilderDependencies): Promise<void> {
  const hostId = await deps.imageHost();
  for (const wanted of await imagesToBuild(deps.pool, hostId, MOST_AT_ONCE)) {
    const within = <T>(work: (tx: Transaction) => Promise<T>) => transaction(deps.pool, wanted.workspaceId, work);
    if (!(await within((tx) => claimImage(tx, hostId, wanted.packagesHash)))) continue;
    const renewal = setInterval(() => void within((tx) => renewImage(tx, hostId, wanted.packagesHash)).catch(() => undefined), RENEW_EVERY_MS);
    // However it ends: a lease that is renewed for ever would keep everybody from building.
    const built = async () => build(deps, wanted.packagesHash, await within((tx) => findPackages(tx, wanted.packagesHash)));
    const { image, failure } = await built().finally(() => clearInterval(renewal));
    await within((tx) => endImage(tx, hostId, wanted.packagesHash, failure ?? null));
    if (failure !== undefined) deps.log.warn({ image, failure }, 'image with packages not built');
    else deps.log.info({ image }, 'image with packages built');
    if (failure === undefined && image !== undefined) await deps.onBuilt(image);
  }
}

interface Built {
  readonly image?: string;
  /** What went wrong, if anything did. */
  readonly failure?: string;
}

async function build(deps: ImageBuilderDependencies, packagesHash: string, packages: PackageLists | undefined): Promise<Built> {
  if (!packages) return { failure: 'The packages were changed before they could be installed.' };
  try {
    const images = await deps.packageImages();
    if (typeof images === 'string') return { failure: images };
    const image = await images.nameOf(packagesHash);
    if (!(await images.exists(image))) await images.build(image, packages, AbortSignal.timeout(BUILD_TIMEOUT_MS));
    return { image };
  } catch (error) {
    return { failure: deps.redact(error instanceof Error ? error.message : String(error)) };
  }
}

/** Takes from this host what no environment asks for any more. */
async function removeUnusedImages(deps: Pick<ImageBuilderDependencies, 'pool' | 'packageImages' | 'log'>): Promise<void> {
  const images = await deps.packageImages();
  if (typeof images === 'string') return;
  const hashes = await imagesWanted(deps.pool);
  const removed = await images.removeUnused(new Set(await Promise.all(hashes.map((hash) => images.nameOf(hash)))));
  for (const image of removed) deps.log.info({ image }, 'image with packages that no environment has removed');
}
