import type { Logger } from 'pino';
import { createAskPeople } from '../../activities/egress/ask-people.js';
import { createAudit } from '../../activities/egress/audit.js';
import { createMeter, type Meter } from '../../activities/egress/meter.js';
import { Refusal } from '../../activities/egress/refusal.js';
import { egressFolder } from '../../activities/sandbox/session-directories.js';
import type { AddressGuard } from '../../activities/web/address-guard.js';
import type { Config } from '../../infra/config/config.js';
import { installationOf } from '../../infra/config/sandbox-settings.js';
import { insertEgressRequests, readEgressTotals } from '../../infra/postgres/egress-requests.repo.js';
import type { Listener } from '../../infra/postgres/listener.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { createQuestionBook } from '../../infra/postgres/question-book.js';
import { transaction } from '../../infra/postgres/transaction.js';
import type { Placeholders } from '../../infra/vault/placeholder.js';
import type { SecretBox } from '../../infra/vault/secret-box.js';
import { createSessionCredentials } from '../../infra/vault/session-credentials.js';
import { installAuthority } from './authority-files.js';
import { serveControl } from './control.js';
import { createEndpoints, type SandboxRecord } from './endpoints.js';
import { createLeafContexts } from './leaf-contexts.js';
import { createProxy } from './proxy.js';
import type { Sandbox } from './sandbox.js';
import { createSessionPolicies } from './session-policies.js';
import { createUpstream, trustedAuthorities } from './upstream.js';
import { openAuthority } from './x509.adapter.js';

const LOOK_EVERY_MS = 5_000;

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
  const folder = egressFolder(config.paths.home);
  const idleMs = config.egress.idleSeconds * 1_000;
  const { files, publicFolder } = await installAuthority(folder, installationOf(config.paths.home));
  const credentials = createSessionCredentials({ pool, secretBox: parts.secretBox });
  const policies = createSessionPolicies({ ...parts, credentials, packageHosts: config.egress.packageHosts });
  const audit = createAudit({
    write: (workspaceId, requests) => transaction(pool, workspaceId, (tx) => insertEgressRequests(tx, requests)),
    log,
  });
  const ask = createAskPeople(createQuestionBook({ pool, listener }), { holdsCalls: true });
  const leafFor = createLeafContexts(await openAuthority(files));
  const proxy = createProxy({ policies, ask, audit, leafFor, idleMs, connections: config.egress.connections });
  const trust = trustedAuthorities(parts.extraCa);
  const limits = { requests: config.egress.requests, bytes: config.egress.bytes };
  const createSandbox = (record: SandboxRecord): Sandbox => ({
    ...record,
    upstream: createUpstream({ guard: parts.guard, trust, idleMs }),
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

/**
 * Reads once what was used before; tries again when that failed. What Rondo itself asks for the session meanwhile is looked up
 * every few seconds, beside the requests.
 */
function meterOf(read: () => ReturnType<typeof readEgressTotals>, limits: Parameters<typeof createMeter>[1]): () => Promise<Meter> {
  let meter: Promise<Meter> | undefined;
  let lookAt = performance.now() + LOOK_EVERY_MS;
  const look = (current: Meter): void => {
    if (performance.now() < lookAt) return;
    lookAt = performance.now() + LOOK_EVERY_MS;
    read().then(
      ({ server }) => current.setElsewhere(server),
      () => undefined,
    );
  };
  return async () => {
    meter ??= read().then(
      ({ sandbox, server }) => {
        const made = createMeter(sandbox, limits);
        made.setElsewhere(server);
        return made;
      },
      () => {
        meter = undefined;
        throw new Refusal(503, 'allowance is not known', 'Rondo cannot read what this session has used of its network allowance, so nothing passes.');
      },
    );
    const current = await meter;
    look(current);
    return current;
  };
}
