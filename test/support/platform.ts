import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import type { ScriptInput } from '../../apps/rehearsal/script.js';
import { type Rehearsal, startRehearsal } from '../../apps/rehearsal/server.js';
import { ensureApiKey } from '../../infra/postgres/api-keys.repo.js';
import { janitorScheduleId } from '../../workflows/contract/names.js';
import { createDatabase, type TestDatabase } from './database.js';
import { aKey } from './encryption.js';
import { type Program, startProgram } from './program.js';
import { sandboxProviders } from './sandbox-providers.js';
import { testServices } from './services.js';
import { connectTemporal } from './temporal.js';

/** A whole Rondo: rehearsal model, gateway and workers as real processes on the real services, with a database of its own. */
export interface Platform {
  readonly url: string;
  readonly key: string;
  readonly workspaceId: string;
  readonly home: string;
  readonly database: TestDatabase;
  readonly rehearsal: Rehearsal;
  readonly taskQueue: string;
  readonly temporalAddress: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The official SDK, unmodified, pointed at this gateway. */
  readonly sdk: Anthropic;
  readonly workers: Program[];
  gateway(): Program;
  startWorker(extra?: Readonly<Record<string, string>>): Promise<Program>;
  startGateway(extra?: Readonly<Record<string, string>>): Promise<Program>;
  /** The way out of the sandboxes of this host. */
  startEgress(extra?: Readonly<Record<string, string>>): Promise<Program>;
  request(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  stop(): Promise<void>;
}

export interface PlatformOptions {
  readonly scripts?: Readonly<Record<string, ScriptInput>>;
  readonly workers?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly serverUrl?: string;
  readonly temporalAddress?: string;
}

export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const services = testServices();
  const home = mkdtempSync(join(tmpdir(), 'rondo-platform-'));
  const database = await createDatabase(options.serverUrl ?? services.ownerUrl);
  const key = `rondo-test-${randomBytes(12).toString('hex')}`;
  const { workspaceId } = await ensureApiKey(database.ownerUrl, { key, workspaceName: 'default' });
  const rehearsal = await startRehearsal({ ...(options.scripts ? { scripts: options.scripts } : {}) });
  const taskQueue = `test-${randomBytes(6).toString('hex')}`;
  const temporalAddress = options.temporalAddress ?? services.temporalAddress;
  const environment = {
    RONDO_HOME: home,
    RONDO_PORT: '0',
    RONDO_CREATES_PER_MINUTE: '0',
    RONDO_REQUESTS_PER_MINUTE: '0',
    RONDO_STREAMS_PER_KEY: '0',
    RONDO_API_KEY: key,
    RONDO_ENCRYPTION_KEY: aKey(),
    RONDO_APP_DATABASE_URL: database.appUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_TASK_QUEUE: taskQueue,
    TEMPORAL_UI_URL: services.temporalUiUrl,
    RONDO_REHEARSAL_URL: rehearsal.url,
    RONDO_SANDBOX: 'docker',
    RONDO_SANDBOX_RUNTIME: 'runc',
    RONDO_SWEEP_SECONDS: '1',
    RONDO_POOL_MIN: '0',
    RONDO_POOL_MAX: '0',
    DOCKER_HOST: `unix://${services.dockerSocket}`,
    RONDO_SANDBOX_IMAGE: services.image,
    RONDO_SANDBOX_ROOTFS: services.rootfs,
    RONDO_BWRAP: services.bwrap,
    ...options.environment,
  };
  const workers: Program[] = [];
  const ways: Program[] = [];
  let gateway: Program | undefined;
  let url = '';
  let port = '0';

  const platform: Omit<Platform, 'url' | 'sdk'> = {
    key,
    workspaceId,
    home,
    database,
    rehearsal,
    taskQueue,
    temporalAddress,
    environment,
    workers,
    gateway: () => {
      if (!gateway) throw new Error('The gateway was not started.');
      return gateway;
    },
    async startWorker(extra = {}) {
      const worker = await startProgram('worker', { ...environment, ...extra }, /worker started/);
      workers.push(worker);
      return worker;
    },
    async startGateway(extra = {}) {
      gateway = await startProgram('gateway', { ...environment, RONDO_PORT: port, ...extra }, /"url":"http/);
      url = /"url":"(http[^"]+)"/.exec(gateway.output())?.[1] ?? '';
      port = new URL(url).port;
      return gateway;
    },
    async startEgress(extra = {}) {
      const egress = await startProgram('egress', { ...environment, ...extra }, /egress gateway started/);
      ways.push(egress);
      return egress;
    },
    request: (method, path, body, headers = {}) =>
      fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    async stop() {
      await Promise.all([...workers, ...ways, ...(gateway ? [gateway] : [])].map((program) => program.kill()));
      await removeJanitor({ temporalAddress, taskQueue });
      await rehearsal.close();
      await removeSandboxes(home);
      await database.drop();
      rmSync(home, { recursive: true, force: true });
    },
  };
  await platform.startGateway();
  for (let index = 0; index < (options.workers ?? 1); index += 1) await platform.startWorker();
  return Object.defineProperties(Object.assign(platform, { url: '', sdk: new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 }) }), {
    url: { get: () => url },
  });
}

/** A schedule goes on without its workers. */
async function removeJanitor(of: Pick<Platform, 'temporalAddress' | 'taskQueue'>): Promise<void> {
  const temporal = await connectTemporal(of).catch(() => undefined);
  await temporal?.client.schedule
    .getHandle(janitorScheduleId(of.taskQueue))
    .delete()
    .catch(() => undefined);
  await temporal?.close();
}

/** The sandboxes a killed worker left behind. */
async function removeSandboxes(home: string): Promise<void> {
  for (const provider of sandboxProviders(home)) {
    for (const name of await provider.list()) await provider.destroy(name);
    await provider.close();
  }
}
