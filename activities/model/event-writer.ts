import type { NewEvent, NewToolCall } from '../../workflows/contract/records.js';
import type { Evaluation, ToolCatalog } from '../tools/catalog.js';
import type { ModelBlock, ModelReply } from './model.port.js';

/** Which event a reply's block belongs to, and its place in that event's content. */
export interface BlockPlace {
  readonly eventId: string;
  readonly index: number;
}

/**
 * Gives the blocks of one reply their event ids: consecutive text blocks share an agent.message. The ids follow from the
 * id of the model request's start event, so a later attempt announces the same events again instead of new ones.
 */
export function createPlaces(startEventId: string) {
  let last: { readonly block: number; readonly place: BlockPlace; readonly text: boolean } | undefined;
  const idOf = (block: number): string => `${startEventId}b${block.toString(36)}`;
  return (block: number, text: boolean): BlockPlace => {
    if (last?.block === block) return last.place;
    const joins = text && last?.text === true && last.block === block - 1;
    const place = joins && last ? { eventId: last.place.eventId, index: last.place.index + 1 } : { eventId: idOf(block), index: 0 };
    last = { block, place, text };
    return place;
  };
}

export interface ReplyEvents {
  readonly events: readonly NewEvent[];
  readonly calls: readonly NewToolCall[];
  /** Results of calls that will not run. */
  readonly refusals: readonly { readonly call: NewToolCall; readonly text: string }[];
}

/** A reply as log events and tool calls. Pure. */
export function toEvents(
  reply: ModelReply,
  options: { readonly startEventId: string; readonly catalog: ToolCatalog; readonly step: number; readonly decideBy: Date },
): ReplyEvents {
  const place = createPlaces(options.startEventId);
  const events: { id: string; type: string; body: Record<string, unknown>; provider?: unknown }[] = [];
  const calls: NewToolCall[] = [];
  const refusals: { call: NewToolCall; text: string }[] = [];
  let content: { type: 'text'; text: string }[] = [];

  reply.content.forEach((block: ModelBlock, position) => {
    const { eventId, index } = place(position, block.type === 'text');
    switch (block.type) {
      case 'text':
        if (index === 0) {
          content = [];
          events.push({ id: eventId, type: 'agent.message', body: { content } });
        }
        content.push({ type: 'text', text: block.text });
        break;
      case 'thinking':
      case 'redacted_thinking':
        events.push({ id: eventId, type: 'agent.thinking', body: {}, provider: block });
        break;
      case 'tool_use': {
        const evaluation = options.catalog.evaluate(block.name, block.input);
        const asks = evaluation.permission === 'ask';
        const input = evaluation.kind === 'rejected' && typeof block.input === 'string' ? {} : block.input;
        const { kind, name, mcpServerName, permission } = evaluation;
        const call: NewToolCall = {
          id: eventId,
          step: options.step,
          ordinal: calls.length + 1,
          name,
          kind,
          mcpServerName,
          permission,
          decideBy: asks ? options.decideBy : null,
          finished: kind === 'rejected',
        };
        calls.push(call);
        events.push({ id: eventId, ...callEvent(evaluation, input) });
        if (evaluation.refusal) refusals.push({ call, text: evaluation.refusal });
        break;
      }
      default:
        break;
    }
  });
  return { events: events.filter((event) => event.type !== 'agent.message' || hasText(event.body)), calls, refusals };
}

/** How a call is announced, by who will run it. */
function callEvent({ kind, name, mcpServerName, permission, policy }: Evaluation, input: unknown): { type: string; body: Record<string, unknown> } {
  if (kind === 'custom') return { type: 'agent.custom_tool_use', body: { name, input } };
  const body = { name, input, evaluated_permission: permission, ...(policy ? { evaluation: { type: policy } } : {}) };
  return kind === 'mcp' ? { type: 'agent.mcp_tool_use', body: { mcp_server_name: mcpServerName, ...body } } : { type: 'agent.tool_use', body };
}

/** Providers send empty text blocks now and then; Anthropic refuses them when they come back in the context. */
const hasText = (body: Readonly<Record<string, unknown>>): boolean => (body['content'] as readonly { text: string }[]).some(({ text }) => text.trim() !== '');
