import type { Logger } from 'pino';
import { createAskPeople } from '../../activities/egress/ask-people.js';
import { createAudit } from '../../activities/egress/audit.js';
import { createServerTraffic, type ServerRules } from '../../activities/egress/server-traffic.js';
import { sessionPolicy } from '../../activities/egress/session-policy.js';
import type { ServerTraffic } from '../../activities/egress/traffic.port.js';
import type { Config } from '../../infra/config/config.js';
import { insertEgressRequests, readEgressTotals } from '../../infra/postgres/egress-requests.repo.js';
import { readEgressSubject } from '../../infra/postgres/egress-subject.repo.js';
import type { Listener } from '../../infra/postgres/listener.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { createQuestionBook } from '../../infra/postgres/question-book.js';
import { type Transaction, transaction } from '../../infra/postgres/transaction.js';

/** What this worker asks of the outside for sessions, over rows. Closing writes what is left of the audit. */
export function openServerTraffic(parts: {
  readonly config: Config['egress'];
  readonly pool: Pool;
  readonly listener: Pick<Listener, 'on' | 'onResync'>;
  readonly log: Logger;
}): ServerTraffic & { close(): Promise<void> } {
  const { config, pool, listener, log } = parts;
  const audit = createAudit({ write: (workspaceId, requests) => transaction(pool, workspaceId, (tx) => insertEgressRequests(tx, requests)), log });
  const traffic = createServerTraffic({
    rulesOf: ({ workspaceId, sessionId }) => transaction(pool, workspaceId, (tx) => readRules(tx, sessionId, config.packageHosts)),
    // Nothing of a sandbox waits for these.
    ask: createAskPeople(createQuestionBook({ pool, listener }), { holdsCalls: false }),
    audit,
    limits: { requests: config.requests, bytes: config.bytes },
  });
  return { ...traffic, close: () => audit.close() };
}

async function readRules(tx: Transaction, sessionId: string, packageHosts: readonly string[]): Promise<ServerRules | undefined> {
  const subject = await readEgressSubject(tx, sessionId);
  if (!subject || subject.status === 'terminated') return undefined;
  const { sandbox, server } = await readEgressTotals(tx, sessionId);
  const used = { requests: sandbox.requests + server.requests, bytes: sandbox.bytes + server.bytes };
  const { networking } = subject;
  if (networking?.server_tools !== 'follow_environment') return { policy: undefined, used };
  return { policy: sessionPolicy({ ...subject, networking, packageHosts }), used };
}
