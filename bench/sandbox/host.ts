import { mkdirSync } from 'node:fs';
import { totalmem } from 'node:os';
import { pino } from 'pino';
import { poolBounds } from '../../activities/sandbox/pool-bounds.js';
import type { SandboxProvider } from '../../activities/sandbox/sandbox.port.js';
import { possibleProviders } from '../../activities/sandbox/select-provider.js';
import { compose } from '../../apps/worker/compose.js';
import { type Config, type Environment, loadConfig } from '../../infra/config/config.js';
import { sandboxSettings } from '../../infra/config/sandbox-settings.js';
import { createRedactor } from '../../infra/telemetry/redactor.js';
import { readKeyring } from '../../infra/vault/keyring.js';
import { type Program, startProgram } from '../programs.js';

/** A host of sandboxes with one engine, in this process: what a worker is composed of, without its loop. */
export interface Host {
  /** The engine and its runtime, as a person says them. */
  readonly name: string;
  readonly home: string;
  readonly config: Config;
  /** Sandboxes that it keeps ready, at most. */
  readonly poolMaximum: number;
  readonly provider: SandboxProvider;
  /** Its egress gateway, a process of its own. */
  readonly egress: Program;
  readonly parts: Awaited<ReturnType<typeof compose>>;
  /** Ends its sandboxes and what is open. */
  close(): Promise<void>;
}

export interface HostRequest {
  readonly name: string;
  readonly home: string;
  readonly environment: Environment;
}

const GRACE_MS = 5_000;

/** Rejects when the engine does not work here. */
export async function openHost({ name, home, environment }: HostRequest): Promise<Host> {
  mkdirSync(home, { recursive: true });
  const all = { ...environment, RONDO_HOME: home };
  const config = loadConfig(all);
  const { appUrl } = config.postgres;
  const { address } = config.temporal;
  if (!appUrl || !address) throw new Error('A host needs RONDO_APP_DATABASE_URL and TEMPORAL_ADDRESS.');
  const egress = await startProgram({ home, name: 'egress', main: 'apps/egress/main.js', environment: all, ready: /egress gateway started/ });
  const parts = await compose(config, appUrl.reveal(), address, readKeyring(config), createRedactor([]), pino({ level: 'silent' }));
  const close = async (): Promise<void> => {
    await parts.close();
    for (const provider of possibleProviders(sandboxSettings(config))) {
      for (const sandbox of await provider.list().catch(() => [])) await provider.destroy(sandbox);
      await provider.close();
    }
    await egress.stop('SIGTERM', GRACE_MS);
  };
  try {
    const poolMaximum = poolBounds(config.sandbox, totalmem()).maximum;
    return { name, home, config, poolMaximum, provider: await parts.provider(), egress, parts, close };
  } catch (error) {
    await close();
    throw error;
  }
}
