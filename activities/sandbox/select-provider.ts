import * as fs from 'node:fs/promises';
import path from 'node:path';
import { RondoError } from '../../workflows/contract/errors.js';
import { howToIsolate, type IsolationLevel, isolationReaches } from '../../workflows/contract/isolation.js';
import { createBubblewrapProvider } from './bubblewrap.adapter.js';
import { createDockerProvider } from './docker.adapter.js';
import type { SandboxProvider } from './sandbox.port.js';

export interface SandboxSettings {
  readonly engine: 'auto' | 'docker' | 'bubblewrap';
  /** A Docker runtime by name; `auto` is runsc, then runc. */
  readonly runtime: string;
  readonly image: string;
  /** The weakest isolation a sandbox may have; undefined for any. */
  readonly minimumIsolation?: IsolationLevel | undefined;
  /** Root file system for bubblewrap; undefined for the host's own /usr. */
  readonly rootfs: string | undefined;
  /** `unix:///…` or `tcp://host:port`; undefined for the usual socket. */
  readonly dockerHost: string | undefined;
  readonly bwrap: string | undefined;
  readonly installation: string;
  /** The data folder. */
  readonly home: string;
  readonly supervisorBundle: string;
  /** A Linux Node >= 24. */
  readonly nodeBinary: string;
}

/** Where a Docker engine listens unless it is told otherwise. */
export const USUAL_SOCKET = 'unix:///var/run/docker.sock';

/**
 * The first provider that passes its probe, strongest isolation first. What was asked for by name is never replaced
 * by something else. Throws `sandbox.unavailable` with every reason when none passes.
 */
export async function selectProvider(settings: SandboxSettings): Promise<SandboxProvider> {
  const failures: string[] = [];
  for (const provider of possibleProviders({ ...settings, nodeBinary: await fs.realpath(settings.nodeBinary) })) {
    try {
      await provider.probe();
      if (settings.minimumIsolation === undefined || isolationReaches(provider.isolation, settings.minimumIsolation)) return provider;
      await provider.close();
      failures.push(`${provider.engine} with ${provider.runtime} works, but isolates by ${provider.isolation} only.`);
    } catch (error) {
      await provider.close();
      if (!(error instanceof RondoError)) throw error;
      failures.push(`${provider.engine} with ${provider.runtime}: ${error.message}`);
    }
  }
  const minimum = settings.minimumIsolation;
  const demand = minimum === undefined ? '' : `, RONDO_MIN_ISOLATION=${minimum}`;
  const asked = `RONDO_SANDBOX=${settings.engine}, RONDO_SANDBOX_RUNTIME=${settings.runtime}${demand}`;
  throw new RondoError(
    'sandbox.unavailable',
    failures.length === 0
      ? `No sandbox engine fits ${asked}: bubblewrap has no runtimes to choose from.`
      : `No sandbox can be made (${asked}), so no tool can run.\n${failures.map((failure) => `- ${failure}`).join('\n')}${minimum === undefined ? '' : `\n${howToIsolate(minimum)}`}`,
  );
}

/** Where bubblewrap keeps what it has no engine to keep. */
export const bubblewrapDirectories = (home: string) => ({
  stateDirectory: path.join(home, 'sandboxes', 'bubblewrap'),
  imagesDirectory: path.join(home, 'images'),
});

/** What the settings allow, strongest isolation first, whether it works here or not. */
export function possibleProviders(settings: SandboxSettings): SandboxProvider[] {
  const { engine, runtime, nodeBinary, supervisorBundle, installation, home } = settings;
  const common = { nodeBinary, supervisorBundle, installation };
  const runtimes = runtime === 'auto' ? ['runsc', 'runc'] : [runtime];
  const docker = () =>
    runtimes.map((name) =>
      createDockerProvider({
        ...common,
        address: settings.dockerHost ?? USUAL_SOCKET,
        runtime: name,
        image: settings.image,
        scratchDirectory: path.join(home, 'sandboxes', 'probes'),
      }),
    );
  const bubblewrap = () =>
    // A runtime asked for by name is a Docker runtime.
    runtime === 'auto'
      ? [
          createBubblewrapProvider({
            ...common,
            bwrap: settings.bwrap ?? 'bwrap',
            rootfs: settings.rootfs,
            ...bubblewrapDirectories(home),
          }),
        ]
      : [];
  switch (engine) {
    case 'docker':
      return docker();
    case 'bubblewrap':
      return bubblewrap();
    case 'auto':
      return [...docker(), ...bubblewrap()];
  }
}
