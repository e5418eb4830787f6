import { createAudit } from '../../activities/egress/audit.js';
import { Refusal } from '../../activities/egress/refusal.js';
import { createServerTraffic, type ServerTrafficParts } from '../../activities/egress/server-traffic.js';
import type { ServerTraffic, Traffic } from '../../activities/egress/traffic.port.js';
import type { EgressRequest } from '../../workflows/contract/network-records.js';

const A_SESSION = { sessionId: 'sesn_0000000000', workspaceId: 'wrkspc_0000000000' };

/** The traffic of one session whose audit is kept in memory. Nobody answers questions, unless `ask` does. */
export function recordedTraffic(parts: Partial<Omit<ServerTrafficParts, 'audit'>> = {}): {
  readonly server: ServerTraffic;
  readonly traffic: Traffic;
  /** What was written, in the order in which it ended. */
  lines(): Promise<readonly EgressRequest[]>;
} {
  const written: EgressRequest[] = [];
  const audit = createAudit({
    write: async (_workspaceId, requests) => void written.push(...requests),
    log: { error: (_fields, message) => expectNothing(message) },
  });
  const server = createServerTraffic({
    rulesOf: async () => ({ policy: undefined, used: { requests: 0, bytes: 0 } }),
    ask: async () => {
      throw new Refusal(403, 'nobody answered', 'Nobody answers here.');
    },
    limits: { requests: 0, bytes: 0 },
    ...parts,
    audit,
  });
  return {
    server,
    traffic: server.of(A_SESSION, ['sevt_0000000000']),
    async lines() {
      await audit.flush();
      return written;
    },
  };
}

function expectNothing(message: string): never {
  throw new Error(`The audit failed: ${message}`);
}
