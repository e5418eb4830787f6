import type { Logger } from 'pino';
import type { PackageImages } from '../../activities/sandbox/package-image.js';
import { claimImage, endImage, findPackages, imagesToBuild, renewImage } from '../../infra/postgres/environment-images.repo.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { type Transaction, transaction } from '../../infra/postgres/transaction.js';
import type { PackageLists } from '../../workflows/contract/schema/packages.js';

export interface ImageBuilderDependencies {
  readonly pool: Pool;
  readonly hostId: string;
  /** The engine's, or why it can make none. */
  readonly packageImages: () => Promise<PackageImages | string>;
  readonly imageOf: (packagesHash: string) => string;
  readonly redact: (text: string) => string;
  readonly log: Logger;
}

const RENEW_EVERY_MS = 20_000;
const BUILD_TIMEOUT_MS = 20 * 60_000;

/** Builds what environments ask for and this host has not, one after another. Any number of workers may do it. */
export async function buildImages(deps: ImageBuilderDependencies): Promise<void> {
  for (const wanted of await imagesToBuild(deps.pool, deps.hostId, 5)) {
    const within = <T>(work: (tx: Transaction) => Promise<T>) => transaction(deps.pool, wanted.workspaceId, work);
    if (!(await within((tx) => claimImage(tx, deps.hostId, wanted.packagesHash)))) continue;
    const renewal = setInterval(() => void within((tx) => renewImage(tx, deps.hostId, wanted.packagesHash)).catch(() => undefined), RENEW_EVERY_MS);
    const image = deps.imageOf(wanted.packagesHash);
    const failure = await build(deps, image, await within((tx) => findPackages(tx, wanted.packagesHash))).finally(() => clearInterval(renewal));
    await within((tx) => endImage(tx, deps.hostId, wanted.packagesHash, failure ?? null));
    if (failure === undefined) deps.log.info({ image }, 'image with packages built');
    else deps.log.warn({ image, failure }, 'image with packages not built');
  }
}

/** What went wrong, if anything did. */
async function build(deps: ImageBuilderDependencies, image: string, packages: PackageLists | undefined): Promise<string | undefined> {
  if (!packages) return 'The packages were changed before they could be installed.';
  try {
    const images = await deps.packageImages();
    if (typeof images === 'string') return images;
    if (!(await images.exists(image))) await images.build(image, packages, AbortSignal.timeout(BUILD_TIMEOUT_MS));
    return undefined;
  } catch (error) {
    return deps.redact(error instanceof Error ? error.message : String(error));
  }
}
