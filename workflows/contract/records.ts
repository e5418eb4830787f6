import type { AgentDefinition } from './schema/agent.js';
import type { Networking } from './schema/environment.js';
import type { InvocationStatus } from './schema/invoke.js';
import type { Limits } from './schema/limits.js';
import type { StopReason } from './stop.js';

/** The wire's agent snapshot of a session. */
export type SessionAgent = AgentDefinition & { readonly id: string; readonly type: 'agent'; readonly version: number };

export type SessionStatus = 'idle' | 'running' | 'rescheduling' | 'terminated';

/** Tokens and requests summed up over model requests; the wire's names. */
export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation_input_tokens: number;
  /** Model requests. */
  readonly steps: number;
}

export const NO_USAGE: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
  steps: 0,
};

/** The wire's money: an amount in minor units (cents) as text. */
export interface Money {
  readonly amount: string;
  readonly currency: 'USD';
}

/** The wire's budget of a session. */
export interface Budget {
  readonly type: 'limit';
  readonly max_list_cost: Money;
}

/** A skill a session was created with, resolved to one version; mounted into the sandbox and named in the system prompt. */
export interface SessionSkill {
  readonly skillId: string;
  /** `skillver_…` */
  readonly versionId: string;
  /** Directory name, kebab case. */
  readonly name: string;
  readonly description: string;
}

/** A session's row. Times are Dates, durations milliseconds. */
export interface SessionRecord {
  readonly id: string;
  readonly workspaceId: string;
  readonly agent: SessionAgent;
  readonly environmentId: string;
  /** Where tools run: a sandbox of ours, or a worker of the caller's. */
  readonly environmentType: 'cloud' | 'self_hosted';
  readonly primaryThreadId: string;
  readonly title: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly status: SessionStatus;
  readonly stopReason: StopReason | null;
  readonly limits: Limits;
  readonly vaultIds: readonly string[];
  readonly skills: readonly SessionSkill[];
  readonly budget: Budget | null;
  /** What it may reach instead of what its environment says; null where that holds. */
  readonly networking: Networking | null;
  /** List cost so far, in millionths of a US dollar, without the running time. */
  readonly costMicros: number;
  readonly webSearches: number;
  readonly webFetches: number;
  readonly fence: number;
  readonly lastSeq: number;
  readonly turn: number;
  readonly turnStartedAt: Date | null;
  readonly turnUsage: Usage;
  readonly usage: Usage;
  readonly modelDue: boolean;
  readonly wakeNeeded: boolean;
  readonly activeMs: number;
  readonly runningSince: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly archivedAt: Date | null;
  readonly terminatedAt: Date | null;
}

/** The columns a step may change; what is absent stays. */
export type SessionChange = Partial<
  Pick<
    SessionRecord,
    | 'status'
    | 'stopReason'
    | 'limits'
    | 'fence'
    | 'turn'
    | 'turnStartedAt'
    | 'turnUsage'
    | 'usage'
    | 'modelDue'
    | 'archivedAt'
    | 'terminatedAt'
    | 'agent'
    | 'title'
    | 'metadata'
    | 'budget'
    | 'networking'
    | 'costMicros'
    | 'webSearches'
    | 'webFetches'
  >
>;

export type JsonObject = Readonly<Record<string, unknown>>;

/** An event to append: the wire object without id and processed_at, which the log gives. */
export interface NewEvent {
  /** Given where it was announced before (streamed messages, inputs); otherwise minted. */
  readonly id?: string;
  readonly type: string;
  readonly body: JsonObject;
  readonly provider?: unknown;
}

export interface StoredEvent {
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  readonly body: JsonObject;
  readonly provider: unknown;
  readonly processedAt: Date;
}

/** An accepted input that no step has taken yet. */
export interface InboxItem {
  readonly id: string;
  readonly position: number;
  readonly type: string;
  readonly body: JsonObject;
  readonly createdAt: Date;
}

/**
 * Who runs a call: the session's sandbox, a worker of a self-hosted environment, the client (custom tools), an MCP server,
 * Rondo itself (web_fetch, web_search), or nobody (unknown, disabled or malformed).
 */
export type ToolCallKind = 'sandbox' | 'worker' | 'custom' | 'mcp' | 'server' | 'rejected';

export interface ToolCallRecord {
  /** The wire's tool-use event id: the key of the effect. */
  readonly id: string;
  readonly step: number;
  readonly ordinal: number;
  /** The tool's own name; for an MCP tool without its server's. */
  readonly name: string;
  readonly kind: ToolCallKind;
  /** Set for `mcp`. */
  readonly mcpServerName: string | null;
  readonly permission: 'allow' | 'ask' | 'deny';
  readonly decideBy: Date | null;
  readonly decision: 'allow' | 'deny' | null;
  readonly decidedBy: string | null;
  readonly denyMessage: string | null;
  /** When a client's or worker's result was accepted; it is in the inbox until the loop takes it. */
  readonly answeredAt: Date | null;
  readonly finishedAt: Date | null;
}

export type NewToolCall = Pick<ToolCallRecord, 'id' | 'step' | 'ordinal' | 'name' | 'kind' | 'mcpServerName' | 'permission' | 'decideBy'> & {
  readonly finished: boolean;
};

export interface Decision {
  readonly result: 'allow' | 'deny';
  readonly by: string;
  readonly denyMessage: string | null;
}

/** One effect's row: claimed before acting, sealed with its result. */
export interface EffectRecord {
  readonly key: string;
  readonly attempt: number;
  /** Sandbox generation it was sent to. */
  readonly generation: number | null;
  /** The span.model_request_start event of a model call. */
  readonly startEventId: string | null;
  readonly result: unknown;
  readonly sealed: boolean;
}

export const ATTEMPT_KINDS = [
  'model_call',
  'tool_call',
  'settle',
  'seal',
  'sandbox_start',
  'sandbox_release',
  'approval',
  'compaction',
  'credential_mint',
  'memory_read',
  'memory_write',
  'mcp_call',
  'http_call',
  'web_fetch',
  'web_search',
  'resource_mount',
  'checkpoint',
  'restore',
  'egress',
  'grader',
  'subagent',
] as const;

export type AttemptKind = (typeof ATTEMPT_KINDS)[number];

export type AttemptOutcome = 'ok' | 'error' | 'lost' | 'superseded' | 'interrupted' | 'rejected';

/** One row of the trace: one attempt of one step. */
export interface AttemptRecord {
  readonly id: string;
  readonly turn: number;
  readonly step: number;
  readonly kind: AttemptKind;
  readonly name: string;
  readonly key: string;
  readonly attempt: number;
  readonly retriedBecause: string | null;
  readonly outcome: AttemptOutcome | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly usage: unknown;
  readonly detail: unknown;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
}

export type NewAttempt = Pick<AttemptRecord, 'turn' | 'step' | 'kind' | 'name' | 'key' | 'attempt'>;

export interface AttemptEnd {
  readonly outcome: AttemptOutcome;
  readonly errorCode?: string;
  readonly errorMessage?: string;
  readonly usage?: unknown;
  readonly detail?: unknown;
}

export interface InvocationRecord {
  readonly id: string;
  readonly sessionId: string;
  readonly inputEventId: string;
  readonly requestHash: string | null;
  readonly status: InvocationStatus;
  readonly stopReason: JsonObject | null;
  readonly output: readonly unknown[] | null;
  readonly usage: Usage | null;
  readonly steps: number;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly firstModelRequestAt: Date | null;
  readonly endedAt: Date | null;
}

/** The tools one MCP server of a session offers, as it listed them. */
export interface McpToolList {
  readonly serverName: string;
  /** The turn it was listed for. */
  readonly turn: number;
  readonly tools: readonly {
    readonly name: string;
    readonly description: string;
    /** JSON Schema of an object. */
    readonly inputSchema: JsonObject;
    /** The server says that repeating a call does no harm. */
    readonly repeatable: boolean;
  }[];
}

export type WorkState = 'queued' | 'starting' | 'active' | 'stopping' | 'stopped';

/** A session's call for a worker of its self-hosted environment (wire section 2.1). At most one of a session is not stopped. */
export interface WorkRecord {
  readonly id: string;
  readonly environmentId: string;
  readonly sessionId: string;
  readonly state: WorkState;
  readonly metadata: Readonly<Record<string, string>>;
  /** Which offer of the item is the current one; a worker's token belongs to one offer. */
  readonly claim: number;
  readonly createdAt: Date;
  readonly polledAt: Date | null;
  readonly acknowledgedAt: Date | null;
  readonly startedAt: Date | null;
  readonly latestHeartbeatAt: Date | null;
  /** The same as it was answered: workers send it back byte for byte. */
  readonly lastHeartbeat: string | null;
  readonly ttlSeconds: number | null;
  /** The lease was over, by the database's clock, when this was read. */
  readonly lapsed: boolean;
  readonly stopRequestedAt: Date | null;
  readonly stoppedAt: Date | null;
}
