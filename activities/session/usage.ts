import { toMoney } from '../../workflows/contract/list-cost.js';
import { NO_USAGE, type SessionRecord } from '../../workflows/contract/records.js';

/** A session's running time so far, in seconds. Waiting for people or clients is not running. */
export const activeSeconds = (session: Pick<SessionRecord, 'activeMs' | 'runningSince'>, now: Date): number =>
  (session.activeMs + (session.runningSince ? Math.max(0, now.getTime() - session.runningSince.getTime()) : 0)) / 1_000;

/** What a session has used up to `now` (wire section 3). `list_cost` is there where its model has a price. */
export function usageOf(session: SessionRecord, now: Date) {
  const usage = { ...NO_USAGE, ...session.usage };
  return {
    input_tokens: usage.input_tokens,
    output_tokens: usage.output_tokens,
    cache_read_input_tokens: usage.cache_read_input_tokens,
    cache_creation: { ephemeral_5m_input_tokens: usage.cache_creation_input_tokens, ephemeral_1h_input_tokens: 0 },
    server_tool_use: { web_search_requests: session.webSearches, web_fetch_requests: session.webFetches },
    active_seconds: activeSeconds(session, now),
    ...(session.budget !== null || session.costMicros > 0 ? { list_cost: toMoney(session.costMicros) } : {}),
  };
}
