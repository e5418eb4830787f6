import { join } from 'node:path';
import { createBubblewrapProvider } from '../../activities/sandbox/bubblewrap.adapter.js';
import { createDockerProvider } from '../../activities/sandbox/docker.adapter.js';
import type { SandboxProvider } from '../../activities/sandbox/sandbox.port.js';
import { bubblewrapDirectories } from '../../activities/sandbox/select-provider.js';
import { installationOf } from '../../infra/config/sandbox-settings.js';
import { testServices } from './services.js';

/** Providers that see the sandboxes of the installation with this data folder, whichever engine made them. */
export function sandboxProviders(home: string): SandboxProvider[] {
  const { dockerSocket, image, rootfs, bwrap } = testServices();
  const common = { nodeBinary: process.execPath, supervisorBundle: 'dist/supervisor.mjs', installation: installationOf(home) };
  return [
    createDockerProvider({ ...common, address: `unix://${dockerSocket}`, runtime: 'runc', image, scratchDirectory: join(home, 'sandboxes', 'probes') }),
    createBubblewrapProvider({ ...common, bwrap, rootfs, ...bubblewrapDirectories(home) }),
  ];
}
