import { isolationReaches } from '../../workflows/contract/isolation.js';
import { createBubblewrapImages } from './bubblewrap-images.adapter.js';
import type { BuildConfiguration } from './build-configuration.js';
import { createDockerImages } from './docker-images.adapter.js';
import type { PackageImages } from './package-image.js';
import type { SandboxProvider } from './sandbox.port.js';
import { bubblewrapDirectories, type SandboxSettings, USUAL_SOCKET } from './select-provider.js';

export type ImageSettings = Pick<SandboxSettings, 'image' | 'rootfs' | 'dockerHost' | 'bwrap' | 'installation' | 'home' | 'minimumIsolation'> & {
  readonly configuration: BuildConfiguration;
};

/** What makes images for a provider, or a sentence that says why nothing does. */
export function selectImages(settings: ImageSettings, { engine }: Pick<SandboxProvider, 'engine'>): PackageImages | string {
  const { installation, configuration, minimumIsolation: minimum, rootfs } = settings;
  // Packages run programs of their own while they are installed: those must be isolated as well as it is asked for.
  const isolation = engine === 'docker' ? 'container' : 'process';
  if (minimum && !isolationReaches(isolation, minimum))
    return `Packages are installed in isolation by ${isolation}, and RONDO_MIN_ISOLATION asks for ${minimum}; install them in the session.`;
  if (engine === 'docker') return createDockerImages({ address: settings.dockerHost ?? USUAL_SOCKET, base: settings.image, installation, configuration });
  if (rootfs === undefined)
    return "Sandboxes of bubblewrap show the host's own programs here, to which nothing is added; run `npm run setup` for a root file system of their own, or set RONDO_SANDBOX_ROOTFS.";
  if (process.geteuid?.() !== 0) return 'Packages are installed as root, which this worker is not; use Docker, or install them in the session.';
  return createBubblewrapImages({ bwrap: settings.bwrap ?? 'bwrap', rootfs, installation, configuration, ...bubblewrapDirectories(settings.home) });
}
