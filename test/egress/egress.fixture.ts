import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { pino } from 'pino';
import { egressEnvironment } from '../../activities/sandbox/egress-environment.js';
import { createAddressGuard, type Resolver } from '../../activities/web/address-guard.js';
import { startGateway } from '../../apps/egress/gateway.js';
import { serveEgressBridge } from '../../apps/supervisor/egress-bridge.js';
import { loadConfig } from '../../infra/config/config.js';
import { newId } from '../../infra/ids.js';
import { createListener } from '../../infra/postgres/listener.js';
import { deriveAppUrl } from '../../infra/postgres/migrate.js';
import { createPlaceholders } from '../../infra/vault/placeholder.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import { MODEL, startTestGateway } from '../gateway/gateway.fixture.js';
import { aKeyring } from '../support/encryption.js';
import { waitFor } from '../support/wait-for.js';

export interface AuditRow {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  readonly method: string | null;
  readonly path: string | null;
  readonly decision: string;
  readonly rule: string;
  readonly status: number | null;
  readonly bytes_up: string;
  readonly bytes_down: string;
  readonly tool_call_ids: readonly string[];
  readonly credential_ids: readonly string[];
  readonly error: string | null;
  readonly generation: number;
}

export interface TestSandbox {
  readonly sessionId: string;
  readonly environmentId: string;
  readonly folder: string;
  /** A proxy as programs inside see it. */
  readonly proxyUrl: string;
  /** What programs inside are given. */
  readonly environment: Readonly<Record<string, string>>;
  run(program: string, words: readonly string[], extra?: Readonly<Record<string, string>>): Promise<{ code: number; stdout: string; stderr: string }>;
  curl(...words: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  /** The audit, once it has so many lines. */
  audit(lines?: number): Promise<AuditRow[]>;
}

export interface SandboxRequest {
  readonly networking?: Record<string, unknown>;
  /** Of the session itself. */
  readonly ownNetworking?: Record<string, unknown>;
  readonly vaultIds?: readonly string[];
  readonly resources?: readonly Record<string, unknown>[];
  readonly mcpServers?: readonly Record<string, unknown>[];
}

export type TestEgress = Awaited<ReturnType<typeof startTestEgress>>;

/** Every name below .test is this machine. */
const testNames: Resolver = async (host) => (host.endsWith('.test') ? [{ address: '127.0.0.1' }] : []);

/** An egress gateway in this process beside a Rondo gateway: real rows, real sockets, real TLS. */
export async function startTestEgress(
  options: {
    readonly extraCa?: string;
    readonly variables?: Readonly<Record<string, string>>;
    readonly allowPrivate?: readonly string[];
    readonly resolver?: Resolver;
  } = {},
) {
  const rondo = await startTestGateway();
  const home = await mkdtemp(join(tmpdir(), 'rondo-egress-'));
  const config = loadConfig({ RONDO_HOME: home, ...options.variables });
  const log = pino({ level: 'silent' });
  const listener = createListener({ url: deriveAppUrl(rondo.ownerUrl), channels: [CHANNELS.egress], log });
  await listener.start();
  const keyring = aKeyring();
  const placeholders = createPlaceholders(keyring);
  const gateway = await startGateway({
    config,
    pool: rondo.pool,
    listener,
    guard: createAddressGuard({ allowPrivate: options.allowPrivate ?? ['127.0.0.0/8'], resolver: options.resolver ?? testNames }),
    secretBox: rondo.secretBox,
    placeholders,
    extraCa: options.extraCa,
    log,
  });
  const bridges: { close(): void }[] = [];
  const owner = new pg.Client({ connectionString: rondo.ownerUrl });
  await owner.connect();

  return {
    rondo,
    home,
    gateway,
    placeholders,
    owner,
    /** The gateway has been told of every change that was made until now: notifications come in the order of commits, a moment later. */
    async toldOfChanges(): Promise<void> {
      const marker = newId('request');
      const told = Promise.withResolvers<void>();
      const stop = listener.on(CHANNELS.egress, (changed) => changed === marker && told.resolve());
      await owner.query('select pg_notify($1, $2)', [CHANNELS.egress, marker]);
      await told.promise;
      stop();
    },
    control: (method: string, path: string, body?: unknown) => control(join(home, 'egress', 'control.sock'), method, path, body),
    async sandbox({
      networking = { type: 'unrestricted' },
      ownNetworking,
      vaultIds = [],
      resources = [],
      mcpServers = [],
    }: SandboxRequest = {}): Promise<TestSandbox> {
      const environment = await rondo.request('POST', '/v1/environments', { name: `e-${Math.random()}`, config: { type: 'cloud', networking } });
      if (environment.status !== 200) throw new Error(JSON.stringify(environment.body));
      const tools = mcpServers.map(({ name }) => ({ type: 'mcp_toolset', mcp_server_name: name }));
      const agent = await rondo.request('POST', '/v1/agents', { name: 'a', model: MODEL, mcp_servers: mcpServers, tools });
      const session = await rondo.request('POST', '/v1/sessions', {
        agent: agent.body.id,
        environment_id: environment.body.id,
        vault_ids: vaultIds,
        resources,
        networking: ownNetworking,
      });
      if (session.status !== 200) throw new Error(JSON.stringify(session.body));
      const sessionId: string = session.body.id;
      const opened = await control(join(home, 'egress', 'control.sock'), 'PUT', `/sandboxes/${sessionId}/1`, { workspace_id: rondo.workspaceId });
      const bridge = await serveEgressBridge({ port: 0, socketPath: join(opened.body.folder, 'egress.sock') });
      bridges.push(bridge);
      return testSandbox({ sessionId, environmentId: environment.body.id, folder: opened.body.folder, port: bridge.port, owner });
    },
    async stop() {
      for (const bridge of bridges) bridge.close();
      await gateway.close();
      await listener.close();
      await owner.end();
      await rondo.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

interface Known {
  readonly sessionId: string;
  readonly environmentId: string;
  readonly folder: string;
  readonly port: number;
  readonly owner: pg.Client;
}

export function testSandbox({ sessionId, environmentId, folder, port, owner }: Known): TestSandbox {
  const proxyUrl = `http://127.0.0.1:${port}`;
  const environment = { PATH: process.env['PATH'] ?? '', HOME: folder, LANG: 'C.UTF-8', ...egressEnvironment({ proxyUrl, folder }) };
  const run: TestSandbox['run'] = (program, words, extra = {}) =>
    new Promise((resolve) => {
      execFile(program, [...words], { env: { ...environment, ...extra }, maxBuffer: 1 << 28, timeout: 50_000 }, (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
        resolve({ code, stdout, stderr });
      });
    });
  return {
    sessionId,
    environmentId,
    folder,
    proxyUrl,
    environment,
    run,
    curl: (...words) => run('curl', ['-sS', '--max-time', '40', ...words]),
    audit: (lines = 1) =>
      waitFor(`${lines} lines of audit`, async () => {
        const { rows } = await owner.query<AuditRow>('select * from egress_requests where session_id = $1 order by id', [sessionId]);
        return rows.length >= lines ? rows : undefined;
      }),
  };
}

/** One request to a control socket. */
export function control(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, string> & { folder: string } }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: JSON.parse(answer) }), reject);
    });
    request.once('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
