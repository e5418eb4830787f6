import type { PackageLists } from '../../workflows/contract/schema/packages.js';

/** Makes images with packages: one for every list and plain image, kept by the engine. */
export interface PackageImages {
  /** What the image of a list of packages is called here. */
  nameOf(packagesHash: string): Promise<string>;
  /** Whether it is there; one that was asked for is not removed for a day. */
  exists(image: string): Promise<boolean>;
  /** Errors: `sandbox.image_failed`, with what the package manager said; `sandbox.failed` when another try may help. */
  build(image: string, packages: PackageLists, signal: AbortSignal): Promise<void>;
  /** Removes images of this installation that are not wanted, not used, and older than a day. Returns their names. */
  removeUnused(wanted: ReadonlySet<string>): Promise<string[]>;
}

/** The image of a package list, beside the one it is made of: `rondo-sandbox:<hash>-<packages hash>`. */
export function packagedImage(base: string, packagesHash: string): string {
  const hasTag = base.lastIndexOf(':') > base.lastIndexOf('/');
  return `${hasTag ? base : `${base}:latest`}-${packagesHash.slice(0, 12)}`;
}

/** How long an image that nothing wants is kept: an environment may be changed back. */
export const UNUSED_KEPT_MS = 24 * 60 * 60_000;

/** What builds may take of the host's memory. */
export const BUILD_MEMORY_BYTES = 2 * 1024 ** 3;

export const BUILD_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  DEBIAN_FRONTEND: 'noninteractive',
  LANG: 'C.UTF-8',
} as const;
