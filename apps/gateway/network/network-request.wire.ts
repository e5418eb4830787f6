import { z } from 'zod';
import type { NetworkRequestRecord } from '../../../workflows/contract/network-records.js';

export const NetworkRequestWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('network_request'),
    session_id: z.string(),
    asker: z.enum(['sandbox', 'server']).describe('server: Rondo asked for the session (web_fetch, web_search, MCP, repositories).'),
    sandbox_generation: z.int().nullable(),
    tool_use_ids: z.array(z.string()).describe('Of sandboxes the calls that were open when it began.'),
    protocol: z.enum(['http', 'https', 'websocket', 'tunnel']).describe('tunnel: a connection whose TLS was not opened, or in which nothing was asked.'),
    host: z.string(),
    port: z.int(),
    method: z.string().nullable(),
    path: z.string().nullable(),
    decision: z.enum(['allow', 'deny']),
    rule: z.string().describe('What decided.'),
    status: z.int().nullable().describe('null where there was no answer.'),
    bytes_up: z.int(),
    bytes_down: z.int(),
    credential_ids: z.array(z.string()).describe('Whose secrets went with it; never a secret.'),
    error: z.string().nullable(),
    started_at: z.iso.datetime(),
    duration_ms: z.int(),
    created_at: z.iso.datetime().describe('When the line was written, which is when the request had ended.'),
  })
  .meta({ id: 'NetworkRequest', description: 'One line of the audit of what sessions asked of the outside.' });

export const toNetworkRequestWire = (request: NetworkRequestRecord) => ({
  id: request.id,
  type: 'network_request' as const,
  session_id: request.sessionId,
  asker: request.generation === null ? ('server' as const) : ('sandbox' as const),
  sandbox_generation: request.generation,
  tool_use_ids: request.toolCallIds,
  protocol: request.protocol,
  host: request.host,
  port: request.port,
  method: request.method,
  path: request.path,
  decision: request.decision,
  rule: request.rule,
  status: request.status,
  bytes_up: request.bytesUp,
  bytes_down: request.bytesDown,
  credential_ids: request.credentialIds,
  error: request.error,
  started_at: request.startedAt.toISOString(),
  duration_ms: request.durationMs,
  created_at: request.recordedAt.toISOString(),
});
