import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { pino } from 'pino';
import { startGateway } from '../../apps/gateway/gateway.js';
import { selectBlobs } from '../../infra/blobs/select-blobs.js';
import { loadConfig } from '../../infra/config/config.js';
import { ensureApiKey } from '../../infra/postgres/api-keys.repo.js';
import { createListener } from '../../infra/postgres/listener.js';
import { createPool } from '../../infra/postgres/pool.js';
import { createSessionStore } from '../../infra/postgres/session-store.js';
import { createRedactor } from '../../infra/telemetry/redactor.js';
import { createSessionClient } from '../../infra/temporal/session-client.js';
import { sessionSettings } from '../../infra/temporal/session-settings.js';
import { createSecretBox } from '../../infra/vault/secret-box.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import { createDatabase } from '../support/database.js';
import { aKeyring } from '../support/encryption.js';

export const KEY = 'rondo-test-key-of-the-default-workspace';
export const OTHER_KEY = 'rondo-test-key-of-another-workspace';
export const MODEL = 'rehearsal/demo';

/** No Temporal answers here: the gateway must accept inputs all the same. Turns are played by the tests, through the store. */
const NO_TEMPORAL = '127.0.0.1:9';

export type TestGateway = Awaited<ReturnType<typeof startTestGateway>>;

/** A gateway on a free port with a database of its own and two workspaces. */
export async function startTestGateway(variables: Readonly<Record<string, string>> = {}) {
  const blobsPath = await mkdtemp(join(tmpdir(), 'rondo-gateway-blobs-'));
  const config = loadConfig({
    RONDO_BLOBS_PATH: blobsPath,
    RONDO_PORT: '0',
    RONDO_CREATES_PER_MINUTE: '0',
    RONDO_REQUESTS_PER_MINUTE: '0',
    RONDO_REHEARSAL_URL: 'http://127.0.0.1:9',
    RONDO_MAX_BODY_BYTES: '1000000',
    ...variables,
  });
  const database = await createDatabase();
  const { ownerUrl, appUrl } = database;
  const { workspaceId } = await ensureApiKey(ownerUrl, { key: KEY, workspaceName: 'default' });
  const { workspaceId: otherWorkspaceId } = await ensureApiKey(ownerUrl, { key: OTHER_KEY, workspaceName: 'other' });

  const log = pino({ level: 'silent' });
  const pool = createPool({ url: appUrl, size: 20, name: 'gateway-test', log });
  const listener = createListener({ url: appUrl, channels: [CHANNELS.events, CHANNELS.deltas, CHANNELS.work, CHANNELS.workspace], log });
  const sessionClient = createSessionClient({ address: NO_TEMPORAL, namespace: 'rondo', taskQueue: 'rondo', settings: sessionSettings(config), log });
  await listener.start();
  const redact = createRedactor([]);
  const secretBox = createSecretBox({ keyring: aKeyring(), learn: redact.learn });
  const blobs = selectBlobs(config);
  const gateway = await startGateway({ config, pool, listener, sessionClient, blobs, secretBox, redact, log });

  return {
    url: gateway.url,
    ownerUrl,
    pool,
    blobs,
    blobsPath,
    secretBox,
    workspaceId,
    otherWorkspaceId,
    store: createSessionStore(pool),
    sdk: (apiKey = KEY) => new Anthropic({ apiKey, baseURL: gateway.url, maxRetries: 0 }),
    /** One request as any client would send it. */
    async request(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) {
      const response = await fetch(`${gateway.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${KEY}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
    },
    async stop() {
      await gateway.close();
      await listener.close();
      await sessionClient.close();
      await pool.end();
      await database.drop();
      await rm(blobsPath, { recursive: true, force: true });
    },
  };
}
