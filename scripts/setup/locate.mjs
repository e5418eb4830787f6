import { onPath } from './command.mjs';
import { cacheFolder } from './settings.mjs';
import { findBubblewrap } from './tools/bubblewrap.mjs';
import { findDebootstrap, findDockerDaemon } from './tools/docker.mjs';
import { findGvisor } from './tools/gvisor.mjs';
import { findSandboxImage } from './tools/sandbox-image.mjs';
import { findTemporal } from './tools/temporal.mjs';

/**
 * Where the tools are that set-up provides, as of now; undefined for what is not there. All paths are absolute.
 * @param {Record<string, string | undefined>} [environment]
 */
export function locateTools(environment = process.env) {
  const cache = cacheFolder(environment);
  const settings = { cache, environment };
  return {
    temporal: findTemporal(settings),
    bubblewrap: findBubblewrap(settings),
    dockerDaemon: findDockerDaemon(),
    runc: onPath('runc', environment),
    runsc: findGvisor(settings),
    debootstrap: findDebootstrap(),
    sandboxImage: findSandboxImage(settings),
  };
}
