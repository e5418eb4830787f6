import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { onPath, run } from '../command.mjs';
import { withLock } from '../lock.mjs';
import { step } from '../progress.mjs';

const PACKAGES = ['docker.io', 'debootstrap'];
const USUAL_SOCKET = 'unix:///var/run/docker.sock';

/** Can this set-up install Debian packages here? @returns {boolean} */
export const canInstallPackages = () => process.getuid?.() === 0 && existsSync('/etc/debian_version') && onPath('apt-get') !== undefined;

/** @returns {string | undefined} */
export const findDockerDaemon = () => onPath('dockerd');

/** @returns {string | undefined} */
export const findDebootstrap = () => onPath('debootstrap');

/** The address of the daemon that the user's own docker command would talk to. @param {Record<string, string | undefined>} environment @returns {string} */
export const usersDaemonAddress = (environment) => environment.DOCKER_HOST || USUAL_SOCKET;

/**
 * What a running daemon says about itself, or undefined if none answers at that address within 3 s.
 * @param {string} address `unix:///…` or `tcp://host:port`
 * @returns {Promise<{ version: string, runtimes: string[] } | undefined>}
 */
export async function askDaemon(address) {
  const url = new URL(address);
  if (url.protocol === 'ssh:') return undefined;
  const target = url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: url.port || 2375 };
  return await new Promise((resolve) => {
    const call = request({ ...target, path: '/info', timeout: 3_000 }, (response) => {
      response.toArray().then(
        (chunks) => resolve(daemonInfo(Buffer.concat(chunks).toString())),
        () => resolve(undefined),
      );
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(undefined));
    call.end();
  });
}

/** @param {string} text what `/info` answered */
function daemonInfo(text) {
  try {
    const info = JSON.parse(text);
    return { version: String(info.ServerVersion), runtimes: Object.keys(info.Runtimes ?? {}) };
  } catch {
    return undefined;
  }
}

/**
 * Docker's daemon and debootstrap from Debian's packages: the one thing set-up puts outside its own folders.
 * @param {import('../settings.mjs').Settings} settings
 */
export async function installPackages(settings) {
  const missing = () => PACKAGES.filter((name) => (name === 'docker.io' ? !findDockerDaemon() : !onPath(name)));
  if (missing().length === 0) return;
  await withLock(join(settings.cache, 'locks', 'apt.lock'), 'the installation of packages', async () => {
    const names = missing();
    if (names.length === 0) return;
    await step(`apt-get install ${names.join(' ')}`, async (report) => {
      const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      const patience = ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::http::Timeout=5', '-o', 'Acquire::https::Timeout=5'];
      await run('apt-get', [...patience, 'update'], { report, environment });
      await run('apt-get', [...patience, 'install', '-y', '--no-install-recommends', ...names], { report, environment, whole: true });
    });
  });
}

/** What to do where no daemon answers and set-up cannot start one. @returns {string} */
export function howToGetDocker() {
  if (findDockerDaemon()) return 'sudo systemctl start docker && sudo usermod -aG docker "$USER", then log in again';
  if (existsSync('/etc/debian_version')) return `run as root: apt-get install ${PACKAGES.join(' ')}`;
  return `install Docker Engine and start it (this is ${systemName()}), then check with: docker info`;
}

function systemName() {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  } catch {
    return process.platform;
  }
}
