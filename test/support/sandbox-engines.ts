import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createBubblewrapProvider } from '../../activities/sandbox/bubblewrap.adapter.js';
import { createDockerProvider } from '../../activities/sandbox/docker.adapter.js';
import type { SandboxProvider } from '../../activities/sandbox/sandbox.port.js';
import type { SandboxSettings } from '../../activities/sandbox/select-provider.js';
import { testServices } from './services.js';

export type EngineName = 'docker-runc' | 'docker-runsc' | 'bubblewrap';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the JSON file that names the running test services. */
    services: string;
  }
}

export interface TestEngine {
  readonly provider: SandboxProvider;
  /** Another provider object on the same engine and installation, as a second worker has it. */
  readonly again: () => SandboxProvider;
  /** A directory that only the host's user can write, for workspaces and journals. */
  readonly directory: string;
  readonly dispose: () => Promise<void>;
}

/** A provider with an installation of its own, on the supervisor as it is in the source now. */
export function aSandboxEngine(name: EngineName): TestEngine {
  const services = testServices();
  const { directory, common } = scratch();
  const again = (): SandboxProvider =>
    name === 'bubblewrap'
      ? createBubblewrapProvider({
          ...common,
          bwrap: services.bwrap,
          rootfs: services.rootfs,
          stateDirectory: path.join(directory, 'state'),
          imagesDirectory: path.join(directory, 'images'),
        })
      : createDockerProvider({
          ...common,
          address: `unix://${services.dockerSocket}`,
          runtime: name.slice('docker-'.length),
          image: services.image,
          scratchDirectory: path.join(directory, 'probes'),
        });
  const provider = again();
  return {
    provider,
    again,
    directory,
    dispose: async () => {
      for (const sandbox of await provider.list()) await provider.destroy(sandbox);
      await provider.close();
      fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Settings under which every engine of the test services can be chosen. */
export function sandboxSettings(): Disposable & { readonly value: SandboxSettings } {
  const services = testServices();
  const { directory, common } = scratch();
  return {
    value: {
      ...common,
      engine: 'auto',
      runtime: 'auto',
      image: services.image,
      rootfs: services.rootfs,
      dockerHost: `unix://${services.dockerSocket}`,
      bwrap: services.bwrap,
      home: directory,
    },
    [Symbol.dispose]: () => fs.rmSync(directory, { recursive: true, force: true }),
  };
}

function scratch() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rondo-sandboxes-'));
  const supervisorBundle = path.join(directory, 'supervisor.mjs');
  execFileSync(process.execPath, ['scripts/bundle-supervisor.mjs', supervisorBundle], { stdio: 'inherit' });
  return {
    directory,
    common: { nodeBinary: fs.realpathSync('node_modules/node/bin/node'), supervisorBundle, installation: path.basename(directory) },
  };
}
