import { join } from 'node:path';
import type { Logger } from 'pino';
import type { AddressGuard } from '../../activities/web/address-guard.js';
import type { Config } from '../../infra/config/config.js';
import { installationOf } from '../../infra/config/sandbox-settings.js';
import { insertEgressRequests, readEgressTotals } from '../../infra/postgres/egress-requests.repo.js';
import type { Listener } from '../../infra/postgres/listener.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { transaction } from '../../infra/postgres/transaction.js';
import type { Placeholders } from '../../infra/vault/placeholder.js';
import type { SecretBox } from '../../infra/vault/secret-box.js';
import { createSessionCredentials } from '../../infra/vault/session-credentials.js';
import { createAskPeople } from './ask-people.js';
import { createAudit } from './audit.js';
import { installAuthority } from './authority-files.js';
import { serveControl } from './control.js';
import { createEndpoints, type SandboxRecord } from './endpoints.js';
import { createLeafContexts } from './leaf-contexts.js';
import { createMeter, type Meter } from './meter.js';
import { createProxy } from './proxy.js';
import { Refusal } from './refusal.js';
import type { Sandbox } from './sandbox.js';
import { createSessionPolicies } from './session-policies.js';
import { createUpstream } from './upstream.js';
import { openAuthority } from './x509.adapter.js';

export interface GatewayParts {
  readonly config: Config;
  readonly pool: Pool;
  readonly listener: Pick<Listener, 'on' | 'onResync'>;
  readonly guard: AddressGuard;
  readonly secretBox: SecretBox;
  readonly placeholders: Placeholders;
  /** Certificates to trust beside the usual ones, PEM. */
  readonly extraCa: string | undefined;
  readonly log: Logger;
}

/** Starts the egress gateway of a host, with what an earlier one had open. */
export async function startGateway(parts: GatewayParts): Promise<{ readonly folder: string; close(): Promise<void> }> {
  const { config, pool, listener, log } = parts;
  const folder = join(config.paths.home, 'egress');
  const idleMs = config.egress.idleSeconds * 1_000;
  const { files, publicFolder } = await installAuthority(folder, installationOf(config.paths.home));
  const credentials = createSessionCredentials({ pool, secretBox: parts.secretBox });
  const policies = createSessionPolicies({ ...parts, credentials, packageHosts: config.egress.packageHosts });
  const audit = createAudit({
    write: (workspaceId, requests) => transaction(pool, workspaceId, (tx) => insertEgressRequests(tx, requests)),
    log,
  });
  const ask = createAskPeople({ pool, listener });
  const leafFor = createLeafContexts(await openAuthority(files));
  const proxy = createProxy({ policies, ask, audit, leafFor, idleMs, connections: config.egress.connections });
  const limits = { requests: config.egress.requests, bytes: config.egress.bytes };
  const createSandbox = (record: SandboxRecord): Sandbox => ({
    ...record,
    upstream: createUpstream({ guard: parts.guard, extraCa: parts.extraCa, idleMs }),
    meter: meterOf(() => transaction(pool, record.workspaceId, (tx) => readEgressTotals(tx, record.sessionId)), limits),
    held: 0,
    going: 0,
    connections: new Set(),
  });
  const endpoints = createEndpoints({ folder, publicFolder, serve: proxy.serve, createSandbox, log });
  // First, so that a second gateway of this host touches no socket of the first.
  const control = await serveControl({ folder, endpoints, log });
  await endpoints.restore();
  return {
    folder,
    async close() {
      await control.close();
      await endpoints.stop();
      await proxy.settled();
      await audit.close();
      policies.close();
    },
  };
}

/** Reads once what was used before; tries again when that failed. */
function meterOf(read: () => Promise<{ readonly requests: number; readonly bytes: number }>, limits: Parameters<typeof createMeter>[1]): () => Promise<Meter> {
  let meter: Promise<Meter> | undefined;
  return () => {
    meter ??= read().then(
      (used) => createMeter(used, limits),
      () => {
        meter = undefined;
        throw new Refusal(503, 'allowance is not known', 'Rondo cannot read what this session has used of its network allowance, so nothing passes.');
      },
    );
    return meter;
  };
}
