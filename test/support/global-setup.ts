import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { loadConfig } from '../../infra/config/config.js';
import { startServices } from '../../infra/dev/services.js';
import { locateTools } from '../../scripts/setup/locate.mjs';

/** What the running test services are; read by tests through `testServices()`. */
export interface TestServices {
  readonly ownerUrl: string;
  readonly temporalAddress: string;
  readonly temporalUiUrl: string;
  readonly temporalCli: string;
  readonly dockerSocket: string;
  readonly image: string;
  readonly rootfs: string;
  readonly bwrap: string;
}

/** Postgres, Temporal and Docker with gVisor, once for the whole run. A part that cannot be had fails the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = mkdtempSync(join(tmpdir(), 'rondo-test-'));
  const config = loadConfig({ ...process.env, RONDO_HOME: home, RONDO_SANDBOX: 'docker', DATABASE_URL: '', TEMPORAL_ADDRESS: '' });
  const services = await startServices({
    config,
    log: (line) => console.log(`services · ${line}`),
    only: ['postgres', 'temporal', 'docker'],
    runtimes: ['runc', 'runsc'],
  });
  const tools = locateTools();
  const { docker } = services;
  if (!docker || !tools.bubblewrap || !tools.sandboxImage || !tools.temporal) {
    await services.stop();
    throw new Error('Docker, bubblewrap, the Temporal CLI and the sandbox image must be there for the tests; run npm run setup and see what it says.');
  }
  const info: TestServices = {
    ownerUrl: services.postgres.url.reveal(),
    temporalAddress: services.temporal.address,
    temporalUiUrl: services.temporal.uiUrl ?? '',
    temporalCli: tools.temporal,
    dockerSocket: docker.address.replace('unix://', ''),
    image: docker.image,
    rootfs: tools.sandboxImage.folder,
    bwrap: tools.bubblewrap,
  };
  const file = join(home, 'services.json');
  writeFileSync(file, JSON.stringify(info), { mode: 0o600 });
  project.provide('services', file);
  return async () => {
    await services.stop();
    rmSync(home, { recursive: true, force: true });
  };
}
