import { locateTools } from '../../scripts/setup/locate.mjs';
import type { Config, Environment } from '../config/config.js';
import { processEnvironment } from '../config/environment.js';
import type { DockerInfo } from './docker.service.js';

/** The variables that tell a worker which sandbox engines there are and where their parts lie. */
export function sandboxEnvironment(config: Config, docker: DockerInfo | undefined): Environment {
  const tools = locateTools({ ...processEnvironment(), RONDO_CACHE: config.paths.cache });
  return {
    RONDO_SANDBOX_IMAGE: config.sandbox.image,
    RONDO_SANDBOX_ROOTFS: config.sandbox.rootfs ?? tools.sandboxImage?.folder,
    RONDO_BWRAP: config.sandbox.bwrapPath ?? tools.bubblewrap,
    DOCKER_HOST: docker?.address ?? config.sandbox.dockerHost,
  };
}
