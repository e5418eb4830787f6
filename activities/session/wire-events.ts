import type { NewEvent, SessionRecord, ToolCallRecord } from '../../workflows/contract/records.js';
import type { StopReason } from '../../workflows/contract/stop.js';

/** The status events of a session and of its primary thread, which always come in pairs (wire section 3.2). */
export const statusEvents = (session: SessionRecord, status: 'running' | 'rescheduled' | 'terminated'): NewEvent[] => [
  { type: `session.thread_status_${status}`, body: threadOf(session) },
  { type: `session.status_${status}`, body: {} },
];

export const idleEvents = (session: SessionRecord, stopReason: StopReason): NewEvent[] => [threadIdleEvent(session, stopReason), idleEvent(stopReason)];

export const idleEvent = (stopReason: StopReason): NewEvent => ({ type: 'session.status_idle', body: idleBody(stopReason) });

export const threadIdleEvent = (session: SessionRecord, stopReason: StopReason): NewEvent => ({
  type: 'session.thread_status_idle',
  body: { ...threadOf(session), ...idleBody(stopReason) },
});

const idleBody = (stopReason: StopReason) => ({
  stop_reason: stopReason,
  stop_details: stopReason.type === 'refusal' ? { type: 'refusal', category: null, explanation: null } : null,
});

const threadOf = (session: SessionRecord) => ({ session_thread_id: session.primaryThreadId, agent_name: session.agent.name });

/** Which event carries the result of a call, and how it names the call. Runners take a call for answered by this event only. */
const RESULT_EVENTS = {
  sandbox: { type: 'agent.tool_result', target: 'tool_use_id' },
  server: { type: 'agent.tool_result', target: 'tool_use_id' },
  rejected: { type: 'agent.tool_result', target: 'tool_use_id' },
  mcp: { type: 'agent.mcp_tool_result', target: 'mcp_tool_use_id' },
  worker: { type: 'user.tool_result', target: 'tool_use_id' },
  custom: { type: 'user.custom_tool_result', target: 'custom_tool_use_id' },
} as const satisfies Record<ToolCallRecord['kind'], { type: string; target: string }>;

type Call = Pick<ToolCallRecord, 'id' | 'kind'>;

/** The result of a call, as the model and the log see it. */
export const resultEvent = (call: Call, content: readonly unknown[], isError: boolean): NewEvent => {
  const { type, target } = RESULT_EVENTS[call.kind];
  return { type, body: { [target]: call.id, content, is_error: isError } };
};

export const textResultEvent = (call: Call, text: string, isError: boolean): NewEvent => resultEvent(call, [{ type: 'text', text }], isError);

/** The call a result event answers; undefined for other events. */
export function answeredCall({ type, body }: { readonly type: string; readonly body: Readonly<Record<string, unknown>> }): string | undefined {
  const target = Object.values(RESULT_EVENTS).find((event) => event.type === type)?.target;
  const id = target && body[target];
  return typeof id === 'string' ? id : undefined;
}
