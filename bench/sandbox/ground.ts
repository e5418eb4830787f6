import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { poolBounds } from '../../activities/sandbox/pool-bounds.js';
import { type Environment, loadConfig } from '../../infra/config/config.js';
import { processEnvironment } from '../../infra/config/environment.js';
import { sandboxEnvironment } from '../../infra/dev/sandbox-environment.js';
import { type Services, startServices } from '../../infra/dev/services.js';
import { createPool, type Pool } from '../../infra/postgres/pool.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { type Installation, startInstallation } from '../installation.js';
import { enginesOf } from './engines.js';
import { type Host, openHost } from './host.js';
import { startUpstream, type Upstream } from './upstream/start.js';

/** Nothing listens there: sessions are made and used, and nobody plays their turns. */
const NOWHERE = '127.0.0.1:9';

/** What the parts measure on: Postgres, Docker, a gateway that makes sessions, and a host for each engine. */
export interface Ground {
  readonly hosts: readonly Host[];
  readonly installation: Installation;
  /** Rows as they are, past every policy. */
  readonly rows: Pool;
  /** Where sandboxes can get to. */
  readonly upstream: Upstream;
  /** Address of the Docker engine. */
  readonly docker: string;
  /** A session without a turn, with so many files of four KB in it. */
  newSession(files?: number): Promise<SessionRef>;
  /** Another host with the same engine, on the same rows and blobs. */
  openTwin(host: Host): Promise<Host>;
  stopAll(): Promise<void>;
}

/** `only`: the engines by the last word of their names; all without it. */
export async function startGround(log: (line: string) => void, only: readonly string[] | undefined): Promise<Ground> {
  const { PATH, HOME, LANG, RONDO_CACHE } = processEnvironment();
  const home = mkdtempSync(join(tmpdir(), 'rondo-bench-'));
  const base: Environment = { PATH, HOME, LANG, RONDO_CACHE, RONDO_HOME: home, RONDO_BLOBS_PATH: join(home, 'blobs') };
  const endings: (() => unknown)[] = [() => rmSync(home, { recursive: true, force: true })];
  const stopAll = async (): Promise<void> => {
    for (let end = endings.pop(); end; end = endings.pop()) {
      try {
        await end();
      } catch (error) {
        log(`while stopping: ${String(error)}`);
      }
    }
  };
  const openRows = (url: string): Pool => {
    const pool = createPool({ url, size: 4, name: 'rondo-bench', log: pino({ level: 'silent' }) });
    endings.push(() => pool.end());
    return pool;
  };

  try {
    const config = loadConfig(base);
    const services: Services<'postgres' | 'docker'> = await startServices({ config, log, only: ['postgres', 'docker'], runtimes: ['runc', 'runsc'] });
    endings.push(() => services.stop());
    if (!services.docker) throw new Error('There is no Docker engine.');
    const serverUrl = services.postgres.url.reveal();
    const installation = await startInstallation({
      name: 'sandbox',
      home: join(home, 'gateway'),
      admin: openRows(serverUrl),
      serverUrl,
      environment: { ...base, ...sandboxEnvironment(config, services.docker), TEMPORAL_ADDRESS: NOWHERE, RONDO_REHEARSAL_URL: `http://${NOWHERE}` },
      worker: false,
    });
    endings.push(() => installation.stop());

    const upstream = await startUpstream(home, base);
    endings.push(() => upstream.program.stop('SIGKILL', 0));
    const hostEnvironment: Environment = {
      ...installation.environment,
      RONDO_ALLOW_PRIVATE: `127.0.0.1:${upstream.port},[::1]:${upstream.port}`,
      RONDO_EGRESS_UPSTREAM_CA: upstream.caFile,
      // Full from the beginning: how it follows what is asked for is not measured.
      RONDO_POOL_MIN: String(poolBounds(config.sandbox, totalmem()).maximum),
    };
    const open = async (name: string, folder: string, environment: Environment): Promise<Host> => {
      const host = await openHost({ name, home: join(home, folder), environment: { ...hostEnvironment, ...environment } });
      endings.push(() => host.close());
      return host;
    };
    const engines = enginesOf(services.docker.runtimes).filter(({ id }) => only?.includes(id) ?? true);
    const hosts: Host[] = [];
    for (const { id, name, environment } of engines) hosts.push(await open(name, id, environment));
    const made = await installation.api.createAgentAndEnvironment();
    const uploaded: string[] = [];
    const filesOf = async (count: number): Promise<string[]> => {
      while (uploaded.length < count) uploaded.push(await installation.api.upload(`file-${uploaded.length}`, 'x'.repeat(4_096)));
      return uploaded.slice(0, count);
    };
    return {
      hosts,
      installation,
      rows: openRows(installation.ownerUrl),
      upstream,
      docker: services.docker.address,
      async newSession(files = 0) {
        const sessionId = await installation.api.createSessionWithFiles(made, await filesOf(files));
        return { sessionId, workspaceId: installation.workspaceId };
      },
      openTwin(host) {
        const engine = engines.find(({ name }) => name === host.name);
        if (!engine) throw new Error(`There is no engine ${host.name}.`);
        return open(`another ${host.name}`, `${engine.id}-twin`, engine.environment);
      },
      stopAll,
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}
