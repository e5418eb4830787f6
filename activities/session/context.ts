import type { StoredEvent } from '../../workflows/contract/records.js';
import type { InputBlock, ResultBlock } from '../../workflows/contract/schema/content.js';
import type { ModelBlock, ModelMessage } from '../model/model.port.js';
import { mcpToolName } from '../tools/mcp-name.js';
import { answeredCall } from './wire-events.js';

/**
 * The conversation as the model must see it, rebuilt from the log. Tool calls carry our event ids, so a provider that
 * repeats its own ids does no harm. Results come in the order of the calls, whatever order they arrived in.
 */
export function buildContext(events: readonly StoredEvent[]): ModelMessage[] {
  const messages: { role: 'user' | 'assistant'; content: ModelBlock[] }[] = [];
  const callOrder = new Map<string, number>();
  const add = (role: 'user' | 'assistant', blocks: readonly ModelBlock[]) => {
    const last = messages.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else if (blocks.length > 0) messages.push({ role, content: [...blocks] });
  };

  for (const event of events) {
    switch (event.type) {
      case 'user.message':
        add('user', event.body['content'] as InputBlock[]);
        break;
      case 'agent.thinking':
        if (event.provider) add('assistant', [event.provider as ModelBlock]);
        break;
      case 'agent.message':
        add('assistant', event.body['content'] as InputBlock[]);
        break;
      case 'agent.tool_use':
      case 'agent.mcp_tool_use':
      case 'agent.custom_tool_use':
        callOrder.set(event.id, callOrder.size);
        add('assistant', [{ type: 'tool_use', id: event.id, name: calledName(event), input: event.body['input'] ?? {} }]);
        break;
      case 'system.message':
        add('user', systemNote(event.body['content'] as InputBlock[]));
        break;
      case 'agent.tool_result':
      case 'agent.mcp_tool_result':
      case 'user.tool_result':
      case 'user.custom_tool_result':
        add('user', [toolResult(answeredCall(event), event)]);
        break;
    }
  }
  for (const message of messages) orderResults(message.content, callOrder);
  return messages;
}

/** The name under which the model called the tool. */
const calledName = ({ type, body }: StoredEvent): string =>
  type === 'agent.mcp_tool_use' ? mcpToolName(String(body['mcp_server_name']), String(body['name'])) : String(body['name']);

/** What the operator of the agent says in between. Providers know one system prompt only, so the words are marked instead. */
const systemNote = (content: readonly InputBlock[]): ModelBlock[] =>
  content.flatMap((block) => (block.type === 'text' ? [{ type: 'text', text: `<system_message>\n${block.text}\n</system_message>` }] : []));

const toolResult = (callId: unknown, event: StoredEvent): ModelBlock => ({
  type: 'tool_result',
  tool_use_id: String(callId),
  content: (event.body['content'] as ResultBlock[] | null | undefined) ?? [],
  is_error: event.body['is_error'] === true,
});

/** Results first and in call order; what the user said after them stays behind them. */
function orderResults(content: ModelBlock[], callOrder: ReadonlyMap<string, number>): void {
  const rank = (block: ModelBlock) => (block.type === 'tool_result' ? (callOrder.get(block.tool_use_id) ?? 0) : Number.MAX_SAFE_INTEGER);
  if (content.some((block) => block.type === 'tool_result')) content.sort((left, right) => rank(left) - rank(right));
}
