import type { PackageLists } from '../../workflows/contract/schema/packages.js';

/** The image of a package list, beside the one it is made of: `rondo-sandbox:<hash>-<packages hash>`. */
export function packagedImage(base: string, packagesHash: string): string {
  const hasTag = base.lastIndexOf(':') > base.lastIndexOf('/');
  return `${hasTag ? base : `${base}:latest`}-${packagesHash.slice(0, 12)}`;
}

/** Makes images with packages. */
export interface PackageImages {
  exists(image: string): Promise<boolean>;
  /** Errors: `sandbox.image_failed`, with what the package manager said; `sandbox.failed` when another try may help. */
  build(image: string, packages: PackageLists, signal: AbortSignal): Promise<void>;
}

/** One program, by its words: nothing passes through a shell. */
export type BuildStep = readonly string[];

export interface BuildPlan {
  /** With a network, and only programs of the distribution: nothing of what is fetched is run. */
  readonly fetch: readonly BuildStep[];
  /** Without a network: here the packages' own programs may run. */
  readonly install: readonly BuildStep[];
}

const WHEELS = '/opt/rondo/wheels';

/** Managers whose packages are compiled by programs of their own while they are fetched. */
export const NOT_BUILT = ['cargo', 'gem'] as const;

/** What must be done to have the packages: fetched first, then installed where nothing can be reached. */
export function planBuild(packages: PackageLists): BuildPlan {
  const of = (manager: 'apt' | 'pip' | 'npm' | 'go') => packages[manager] ?? [];
  const tools = [...(of('npm').length > 0 ? ['npm'] : []), ...(of('go').length > 0 ? ['golang-go'] : [])];
  const system = [...of('apt'), ...tools];
  return {
    fetch: [
      ...(system.length > 0
        ? [
            ['apt-get', 'update'],
            ['apt-get', 'install', '--yes', '--no-install-recommends', '--', ...system],
          ]
        : []),
      // Wheels only: a source package runs its own program as soon as it is looked at.
      ...(of('pip').length > 0 ? [['pip', 'download', '--no-cache-dir', '--only-binary', ':all:', '--dest', WHEELS, '--', ...of('pip')]] : []),
      ...(of('npm').length > 0 ? [['npm', 'install', '--global', '--ignore-scripts', '--no-audit', '--no-fund', '--', ...of('npm')]] : []),
      ...of('go').map((name) => ['env', 'GOBIN=/usr/local/bin', 'CGO_ENABLED=0', 'go', 'install', name.includes('@') ? name : `${name}@latest`]),
    ],
    install: [
      ...(of('pip').length > 0
        ? [
            ['pip', 'install', '--no-index', '--no-cache-dir', '--root-user-action', 'ignore', '--find-links', WHEELS, '--', ...of('pip')],
            ['rm', '-rf', WHEELS],
          ]
        : []),
      ...(of('npm').length > 0 ? [['npm', 'rebuild', '--global']] : []),
      ['rm', '-rf', '/var/cache/apt', '/var/lib/apt/lists', '/root/.cache', '/root/.npm', '/root/go'],
      ['find', '/', '-xdev', '-type', 'f', '-perm', '/6000', '-exec', 'chmod', 'a-s', '{}', '+'],
    ],
  };
}
