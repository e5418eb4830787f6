import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { SandboxProvider } from '../activities/sandbox/sandbox.port.js';
import { possibleProviders, selectProvider } from '../activities/sandbox/select-provider.js';
import { type Config, type Environment, loadConfig } from '../infra/config/config.js';
import { processEnvironment } from '../infra/config/environment.js';
import { sandboxSettings } from '../infra/config/sandbox-settings.js';
import { sandboxEnvironment } from '../infra/dev/sandbox-environment.js';
import { type Services, startServices } from '../infra/dev/services.js';
import { createPool, type Pool } from '../infra/postgres/pool.js';
import { type Installation, startInstallation } from './installation.js';
import { startProgram } from './programs.js';
import { connectRehearsal, type RehearsalClient } from './rehearsal-client.js';
import { benchScript, SCRIPT } from './scripts.js';
import { type BenchTemporal, connectTemporal } from './temporal.js';

const POOL_SIZE = 4;

/** Everything the parts measure: services, model server and the baseline worker in processes of their own, and a Rondo. */
export interface Stack extends Installation {
  readonly home: string;
  readonly services: Services;
  readonly rehearsal: RehearsalClient;
  readonly temporal: BenchTemporal;
  /** The installation's database, past every row policy: parts read rows as they are. */
  readonly rows: Pool;
  /** Settings of the installation's programs. */
  readonly config: Config;
  /** The sandbox engine that the workers choose too. */
  readonly provider: SandboxProvider;
  /** Another Rondo on the same services. */
  startSecond(name: string, environment: Environment): Promise<Installation & { readonly rows: Pool }>;
  /** Ends everything and removes the data folder. */
  stopAll(): Promise<void>;
}

export async function startStack(log: (line: string) => void): Promise<Stack> {
  const { PATH, HOME, LANG, RONDO_CACHE } = processEnvironment();
  const home = mkdtempSync(join(tmpdir(), 'rondo-bench-'));
  const base: Environment = { PATH, HOME, LANG, RONDO_CACHE, RONDO_HOME: home, RONDO_LOG_LEVEL: 'info' };
  const quiet = pino({ level: 'silent' });
  const endings: (() => Promise<unknown>)[] = [async () => rmSync(home, { recursive: true, force: true })];
  const stopAll = async (): Promise<void> => {
    for (let end = endings.pop(); end; end = endings.pop()) await end().catch((error: unknown) => log(`while stopping: ${String(error)}`));
  };
  const openPool = (url: string): Pool => {
    const pool = createPool({ url, size: POOL_SIZE, name: 'rondo-bench', log: quiet });
    endings.push(() => pool.end());
    return pool;
  };

  try {
    const benchConfig = loadConfig(base);
    const services = await startServices({ config: benchConfig, log });
    endings.push(() => services.stop());
    const { address, namespace } = services.temporal;
    const start = async (name: string, main: string, environment: Environment, ready: RegExp): Promise<string> => {
      const program = await startProgram({ home, name, main, environment, ready });
      endings.push(() => program.stop('SIGTERM', 5_000));
      return program.said;
    };

    const rehearsalUrl = await start('rehearsal', 'apps/rehearsal/main.js', base, /"listening":"([^"]+)"/);
    const rehearsal = await connectRehearsal(rehearsalUrl, SCRIPT, benchScript);
    const shared: Environment = {
      ...base,
      ...sandboxEnvironment(benchConfig, services.docker),
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      RONDO_REHEARSAL_URL: rehearsalUrl,
    };
    await start('baseline', 'bench/baseline/main.js', shared, /baseline started/);
    const temporal = await connectTemporal(address, namespace);
    endings.push(() => temporal.close());

    const serverUrl = services.postgres.url.reveal();
    const admin = openPool(serverUrl);
    const startRondo = async (name: string, folder: string, extra: Environment) => {
      const installation = await startInstallation({ name, home: folder, admin, serverUrl, environment: { ...shared, ...extra } });
      endings.push(() => installation.stop());
      return installation;
    };
    const installation = await startRondo('main', home, {});
    const config = loadConfig(installation.environment);
    const settings = sandboxSettings(config);
    endings.push(() => endSandboxes(possibleProviders(settings)));
    const provider = await selectProvider(settings);
    endings.push(() => provider.close());
    return {
      ...installation,
      home,
      services,
      rehearsal,
      temporal,
      rows: openPool(installation.ownerUrl),
      config,
      provider,
      startSecond: async (name, extra) => {
        const second = await startRondo(name, join(home, name), extra);
        return { ...second, rows: openPool(second.ownerUrl) };
      },
      stopAll,
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

/** Whatever engine made them: a killed worker's sandboxes are still there. */
async function endSandboxes(providers: readonly SandboxProvider[]): Promise<void> {
  for (const provider of providers) {
    const names = await provider.list().catch(() => []);
    for (const name of names) await provider.destroy(name);
    await provider.close();
  }
}
