import { randomBytes } from 'node:crypto';
import type { Environment } from '../infra/config/config.js';
import { ensureApiKey } from '../infra/postgres/api-keys.repo.js';
import { migrate } from '../infra/postgres/migrate.js';
import type { Pool } from '../infra/postgres/pool.js';
import { type Api, createApi } from './api.js';
import { type Program, startProgram } from './programs.js';

const GRACE_MS = { gateway: 5_000, worker: 25_000 };

/** One Rondo on the bench's services: its own database and task queue, a gateway, and workers. */
export interface Installation {
  readonly api: Api;
  readonly workspaceId: string;
  readonly taskQueue: string;
  readonly databaseName: string;
  readonly ownerUrl: string;
  readonly appUrl: string;
  /** What its programs run in. */
  readonly environment: Environment;
  readonly gateway: Program;
  /** The workers that run, oldest first. */
  workers(): readonly Program[];
  startWorker(): Promise<Program>;
  /** SIGKILL, and gone. */
  killWorker(worker: Program): Promise<void>;
  stop(): Promise<void>;
}

export interface InstallationRequest {
  readonly name: string;
  readonly home: string;
  /** The server's database, as the role that owns everything. */
  readonly admin: Pool;
  readonly serverUrl: string;
  readonly environment: Environment;
  /** Whether it begins with a worker; true without it. */
  readonly worker?: boolean;
}

export async function startInstallation({
  name,
  home,
  admin,
  serverUrl,
  environment: shared,
  worker: withWorker = true,
}: InstallationRequest): Promise<Installation> {
  const databaseName = `bench_${name}`;
  await admin.query(`create database ${databaseName}`);
  const url = new URL(serverUrl);
  url.pathname = `/${databaseName}`;
  const { appUrl } = await migrate(url.href);
  const key = `rondo-bench-${randomBytes(12).toString('hex')}`;
  const { workspaceId } = await ensureApiKey(url.href, { key, workspaceName: 'default' });
  const taskQueue = `rondo-${name}`;
  const environment: Environment = {
    ...shared,
    RONDO_HOME: home,
    RONDO_PORT: '0',
    RONDO_CREATES_PER_MINUTE: '0',
    RONDO_REQUESTS_PER_MINUTE: '0',
    RONDO_STREAMS_PER_KEY: '0',
    RONDO_APP_DATABASE_URL: appUrl,
    RONDO_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    TEMPORAL_TASK_QUEUE: taskQueue,
  };

  const gateway = await startProgram({ home, name: `gateway-${name}`, main: 'apps/gateway/main.js', environment, ready: /"url":"(http[^"]+)"/ });
  let workers: readonly Program[] = [];
  let started = 0;
  const startWorker = async (): Promise<Program> => {
    started += 1;
    const worker = await startProgram({ home, name: `worker-${name}-${started}`, main: 'apps/worker/main.js', environment, ready: /worker started/ });
    workers = [...workers, worker];
    return worker;
  };
  const stop = async (): Promise<void> => {
    await Promise.all([gateway.stop('SIGTERM', GRACE_MS.gateway), ...workers.map((worker) => worker.stop('SIGTERM', GRACE_MS.worker))]);
    workers = [];
  };
  try {
    if (withWorker) await startWorker();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    api: createApi(gateway.said, key),
    workspaceId,
    taskQueue,
    databaseName,
    ownerUrl: url.href,
    appUrl,
    environment,
    gateway,
    workers: () => workers,
    startWorker,
    async killWorker(worker) {
      workers = workers.filter((one) => one !== worker);
      await worker.stop('SIGKILL', 0);
    },
    stop,
  };
}
