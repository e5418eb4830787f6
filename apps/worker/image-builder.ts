import type { Logger } from 'pino';
import type { PackageImages } from '../../activities/sandbox/package-image.js';
import { claimImage, endImage, findPackages, imagesToBuild, renewImage } from '../../infra/postgres/environment-images.repo.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { type Transaction, transaction } from '../../infra/postgres/transaction.js';
import type { PackageLists } from '../../workflows/contract/schema/packages.js';

export interface ImageBuilderDependencies {
  readonly pool: Pool;
  /** Whose images these are. */
  readonly imageHost: () => Promise<string>;
  /** The engine's, or why it can make none. */
  readonly packageImages: () => Promise<PackageImages | string>;
  readonly imageOf: (packagesHash: string) => string;
  readonly redact: (text: string) => string;
  readonly log: Logger;
}

const MOST_AT_ONCE = 5;
const RENEW_EVERY_MS = 20_000;
const BUILD_TIMEOUT_MS = 20 * 60_000;

/** Builds what environments ask for and this host has not, one after another. Any number of workers may do it. */
export async function buildImages(deps: ImageBuilderDependencies): Promise<void> {
  const hostId = await deps.imageHost();
  for (const wanted of await imagesToBuild(deps.pool, hostId, MOST_AT_ONCE)) {
    const within = <T>(work: (tx: Transaction) => Promise<T>) => transaction(deps.pool, wanted.workspaceId, work);
    if (!(await within((tx) => claimImage(tx, hostId, wanted.packagesHash)))) continue;
    const renewal = setInterval(() => void within((tx) => renewImage(tx, hostId, wanted.packagesHash)).catch(() => undefined), RENEW_EVERY_MS);
    const image = deps.imageOf(wanted.packagesHash);
    const failure = await build(deps, image, await within((tx) => findPackages(tx, wanted.packagesHash))).finally(() => clearInterval(renewal));
    await within((tx) => endImage(tx, hostId, wanted.packagesHash, failure ?? null));
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
