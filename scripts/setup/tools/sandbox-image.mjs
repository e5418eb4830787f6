import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sandboxImageHash, sandboxImageName, sandboxImageSources } from '../../../infra/sandbox-image/identity.mjs';
import { cached } from '../cached.mjs';
import { onPath, run } from '../command.mjs';
import { fetchAnswer } from '../download.mjs';
import { downloadSettings, systemSource } from './apt-sources.mjs';
import { askDaemon, findDebootstrap, usersDaemonAddress } from './docker.mjs';

const REGISTRY = 'https://registry-1.docker.io/v2/';

/**
 * The sandboxes' root file system in the cache: as a folder for bubblewrap and as an archive for `docker import`.
 * @param {{ cache: string }} settings
 * @returns {{ folder: string, archive: string } | undefined}
 */
export function findSandboxImage({ cache }) {
  const home = join(cache, `sandbox-${sandboxImageHash()}`);
  return existsSync(home) ? { folder: join(home, 'rootfs'), archive: join(home, 'rootfs.tar') } : undefined;
}

/**
 * Makes it by whichever builder can work here. Returns false, having made nothing, where none can: not root (or no debootstrap),
 * and no Docker daemon with a registry.
 * @param {import('../settings.mjs').Settings} settings
 * @returns {Promise<boolean>}
 */
export async function provideSandboxImage(settings) {
  if (findSandboxImage(settings)) return true;
  const ways = [];
  const source = systemSource();
  if (process.getuid?.() === 0 && findDebootstrap() && source) {
    ways.push({
      name: `debootstrap from ${source.mirror}, about 2 minutes`,
      make: (/** @type {string} */ folder, /** @type {(line: string) => void} */ report) => bootstrap(source, folder, report),
    });
  }
  const address = usersDaemonAddress(settings.environment);
  const docker = onPath('docker', settings.environment);
  if (docker && (await askDaemon(address)) && (await fetchAnswer(REGISTRY))) {
    ways.push({
      name: 'docker build, about 2 minutes',
      make: (/** @type {string} */ folder, /** @type {(line: string) => void} */ report) => build(docker, address, folder, report),
    });
  }
  if (ways.length === 0) return false;
  await cached({ cache: settings.cache, key: `sandbox-${sandboxImageHash()}`, title: 'Sandbox image', ways });
  return true;
}

/** @param {import('./apt-sources.mjs').AptSource} source @param {string} folder @param {(line: string) => void} report */
async function bootstrap(source, folder, report) {
  const { variables, wgetrc } = downloadSettings();
  const settingsFile = join(folder, 'wgetrc');
  writeFileSync(settingsFile, wgetrc);
  const rootfs = join(folder, 'rootfs');
  const script = join(sandboxImageSources(), 'debootstrap.sh');
  const words = [script, rootfs, source.suite, source.mirror, source.components.join(',')];
  await run('sh', source.keyring ? [...words, source.keyring] : words, {
    report,
    environment: { ...process.env, ...variables, WGETRC: settingsFile },
  });
  rmSync(settingsFile);
  await run('tar', ['-C', rootfs, '--numeric-owner', '--one-file-system', '-cf', join(folder, 'rootfs.tar'), '.']);
}

/** @param {string} docker @param {string} address @param {string} folder @param {(line: string) => void} report */
async function build(docker, address, folder, report) {
  const environment = { ...process.env, DOCKER_HOST: address };
  const image = sandboxImageName();
  const container = `rondo-sandbox-export-${process.pid}`;
  const archive = join(folder, 'rootfs.tar');
  const rootfs = join(folder, 'rootfs');
  await run(docker, ['build', '-t', image, sandboxImageSources()], { report, environment });
  await run(docker, ['create', '--name', container, image], { environment });
  try {
    await run(docker, ['export', '-o', archive, container], { environment });
  } finally {
    await run(docker, ['rm', container], { environment });
  }
  mkdirSync(rootfs);
  // Device files cannot be made by an ordinary user, and a sandbox brings its own.
  await run('tar', ['-C', rootfs, '--exclude=./dev/*', '--exclude=dev/*', '-xf', archive]);
}
