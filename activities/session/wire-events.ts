import type { NewEvent, SessionRecord } from '../../workflows/contract/records.js';
import type { StopReason } from '../../workflows/contract/stop.js';

/** The status events of a session and of its primary thread, which always come in pairs (wire section 3.2). */
export const statusEvents = (session: SessionRecord, status: 'running' | 'rescheduled' | 'terminated'): NewEvent[] => [
  { type: `session.thread_status_${status}`, body: threadOf(session) },
  { type: `session.status_${status}`, body: {} },
];

export const idleEvents = (session: SessionRecord, stopReason: StopReason): NewEvent[] => {
  const body = { stop_reason: stopReason, stop_details: stopReason.type === 'refusal' ? { type: 'refusal', category: null, explanation: null } : null };
  return [
    { type: 'session.thread_status_idle', body: { ...threadOf(session), ...body } },
    { type: 'session.status_idle', body },
  ];
};

const threadOf = (session: SessionRecord) => ({ session_thread_id: session.primaryThreadId, agent_name: session.agent.name });

/** A text result of a tool call, as the model and the log see it. */
export const toolResultEvent = (callId: string, text: string, isError: boolean): NewEvent => ({
  type: 'agent.tool_result',
  body: { tool_use_id: callId, content: [{ type: 'text', text }], is_error: isError },
});
