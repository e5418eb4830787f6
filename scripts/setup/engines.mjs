import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { say } from './progress.mjs';
import { bubblewrapWorks, findBubblewrap, provideBubblewrap } from './tools/bubblewrap.mjs';
import { askDaemon, canInstallPackages, findDebootstrap, findDockerDaemon, howToGetDocker, installPackages, usersDaemonAddress } from './tools/docker.mjs';
import { findGvisor, provideGvisor } from './tools/gvisor.mjs';
import { findSandboxImage, provideSandboxImage } from './tools/sandbox-image.mjs';

/** @typedef {import('./settings.mjs').Settings} Settings */

const DAY_MS = 86_400_000;

/** The lines that make gVisor known to a daemon which is not ours to edit. @param {string} runsc */
export const daemonLines = (runsc) =>
  `add to /etc/docker/daemon.json and restart Docker: {"runtimes": {"runsc": {"path": "${runsc}", "runtimeArgs": ["--platform=systrap", "--host-uds=open"]}}}`;

/**
 * Every engine that the tests run against. Collects all that is missing before it fails.
 * @param {Settings} settings
 */
export async function provideEveryEngine(settings) {
  const problems = [
    await problemOf('bubblewrap', () => bubblewrap(settings)),
    await problemOf('Docker', () => docker(settings)),
    await problemOf('gVisor', () => gvisorForTests(settings)),
    await problemOf('the sandbox image', () => image(settings)),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new Error(['The tests run against every sandbox engine, and these are missing:', ...problems].join('\n    '));
}

/**
 * What a demo needs: one engine that works. The stronger ones are installed where that takes no more than a download.
 * @param {Settings} settings
 */
export async function provideSomeEngine(settings) {
  const wanted = settings.environment.RONDO_SANDBOX || 'auto';
  const runtime = settings.environment.RONDO_SANDBOX_RUNTIME || 'auto';
  const problems = [];
  if (wanted !== 'bubblewrap') problems.push(await problemOf('Docker', () => docker(settings)));
  const hasDocker = wanted !== 'bubblewrap' && problems[0] === undefined;
  if (hasDocker && runtime === 'runsc') await provideGvisor(settings, { build: true });
  if (hasDocker && runtime === 'auto') await gvisorIfQuick(settings);
  if (wanted !== 'docker') problems.push(await problemOf('bubblewrap', () => bubblewrap(settings)));
  if (problems.every((problem) => problem !== undefined)) {
    throw new Error(['No sandbox engine can be had here, and without one no agent runs:', ...problems].join('\n    '));
  }
  const hasImage = await provideSandboxImage(settings);
  if (!hasImage && wanted === 'docker') throw new Error(await problemOf('the sandbox image', () => image(settings)));
  if (!hasImage) say("  · no builder for the sandbox image (needs root and debootstrap, or Docker with a registry): bubblewrap uses this system's /usr");
}

/**
 * gVisor where it is a matter of a download; a download that failed is tried again the next day, not at every start.
 * @param {Settings} settings
 */
async function gvisorIfQuick(settings) {
  if (findGvisor(settings)) return;
  const mark = join(settings.cache, 'gvisor-download-failed');
  const failedAt = statSync(mark, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (Date.now() - failedAt > DAY_MS && (await problemOf('gVisor', () => provideGvisor(settings, { build: false }))) === undefined) return;
  if (Date.now() - failedAt > DAY_MS) writeFileSync(mark, '');
  say('  · gVisor could not be downloaded: Docker uses runc. RONDO_SANDBOX_RUNTIME=runsc builds gVisor from source (4 minutes).');
}

/** @param {string} name @param {() => Promise<void>} work @returns {Promise<string | undefined>} */
async function problemOf(name, work) {
  try {
    await work();
    return undefined;
  } catch (error) {
    return `${name}: ${/** @type {Error} */ (error).message}`;
  }
}

/** @param {Settings} settings */
async function bubblewrap(settings) {
  await provideBubblewrap(settings);
  const bwrap = findBubblewrap(settings);
  if (bwrap && bubblewrapWorks(bwrap)) return;
  throw new Error(
    'this system does not let it make namespaces. As root: sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0 user.max_user_namespaces=15000 (each where it exists).',
  );
}

/** @param {Settings} settings */
async function docker(settings) {
  const address = usersDaemonAddress(settings.environment);
  if (await askDaemon(address)) return;
  if (settings.environment.DOCKER_HOST) throw new Error(`no daemon answers at DOCKER_HOST=${address}: start it, or take the variable away.`);
  const whole = findDockerDaemon() && (findDebootstrap() || findSandboxImage(settings));
  if (!whole && canInstallPackages()) await installPackages(settings);
  if (!findDockerDaemon() || process.getuid?.() !== 0) throw new Error(`no daemon answers at ${address}: ${howToGetDocker()}`);
}

/** @param {Settings} settings */
async function gvisorForTests(settings) {
  await provideGvisor(settings, { build: true });
  const daemon = await askDaemon(usersDaemonAddress(settings.environment));
  if (!daemon || daemon.runtimes.includes('runsc')) return;
  // Root starts a daemon of its own beside the user's, with the runtime registered.
  if (process.getuid?.() === 0 && findDockerDaemon() && !settings.environment.DOCKER_HOST) return;
  throw new Error(`your Docker daemon does not know it: ${daemonLines(findGvisor(settings) ?? 'runsc')}`);
}

/** @param {Settings} settings */
async function image(settings) {
  if (await provideSandboxImage(settings)) return;
  throw new Error(`it needs root and debootstrap (Debian: apt-get install debootstrap), or a Docker daemon that reaches a registry.`);
}
